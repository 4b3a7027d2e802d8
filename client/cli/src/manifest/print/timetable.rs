//! Timetables: windows, freezes, trains and increments.

use meridian_core::calendar::{Dates, Entry, Increment, Splits, Timetable, Train, When, Zone};

use super::Page;
use super::scalar::scalar;

impl Page {
    pub(super) fn timetable(&mut self, timetable: &Timetable) {
        let Timetable { windows, freezes, splits, trains, increments, train } = timetable;
        for (field, entries) in [("windows", windows), ("freezes", freezes)] {
            if !entries.is_empty() {
                self.line(1, format!("{field}:"));
            }
            for Entry { name, zone, when } in entries {
                self.line(2, format!("- name: {}", scalar(name)));
                if let Zone::Named(zone) = zone {
                    self.line(3, format!("zone: {}", scalar(zone)));
                }
                match when {
                    When::Cron { expression, lasts } => {
                        self.line(3, format!("cron: {}", scalar(expression)));
                        self.line(3, format!("duration: {lasts}"));
                    }
                    When::Range { from, to } => {
                        self.line(3, format!("from: {}", scalar(from)));
                        self.line(3, format!("to: {}", scalar(to)));
                    }
                }
            }
        }
        if *splits != Splits::None {
            self.line(1, format!("splits: {}", splits.as_str()));
        }
        if !trains.is_empty() {
            self.line(1, "trains:");
        }
        for Train { name, zone, departs, boarding, from, every } in trains {
            self.line(2, format!("- name: {}", scalar(name)));
            self.line(3, format!("zone: {}", scalar(zone)));
            self.line(3, format!("departs: {}", scalar(departs)));
            self.line(3, format!("boarding: {boarding}"));
            if *every != 1 {
                self.line(3, format!("every: {every}"));
            }
            if let Some(from) = from {
                self.line(3, format!("from: {}", scalar(from)));
            }
        }
        self.increments(increments);
        if let Some(train) = train {
            self.line(1, format!("train: {}", scalar(train)));
        }
    }

    fn increments(&mut self, increments: &[Increment]) {
        if !increments.is_empty() {
            self.line(1, "increments:");
        }
        for Increment { name, zone, during: Dates { from, to }, planning, innovation } in increments {
            self.line(2, format!("- name: {}", scalar(name)));
            self.line(3, format!("zone: {}", scalar(zone)));
            self.line(3, format!("from: {}", scalar(from)));
            self.line(3, format!("to: {}", scalar(to)));
            for (field, quiet) in [("planning", planning), ("innovation", innovation)] {
                if let Some(Dates { from, to }) = quiet {
                    self.line(3, format!("{field}:"));
                    self.line(4, format!("from: {}", scalar(from)));
                    self.line(4, format!("to: {}", scalar(to)));
                }
            }
        }
    }
}
