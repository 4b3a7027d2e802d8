//! Redrawing in place: only lines that changed are written again. It knows how to move on a screen, not what is shown.

use std::io::{self, Write};

use crate::session::Size;

/// What stands on the screen now.
#[derive(Debug, Default)]
pub struct Screen {
    drawn: Vec<String>,
    size: Option<Size>,
}

impl Screen {
    /// Brings the screen to a frame. Lines must not be wider than the screen; what is too long is cut.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn draw(&mut self, out: &mut dyn Write, frame: Vec<String>, size: Size) -> io::Result<()> {
        let frame = fit(frame, size.rows);
        let is_resized = self.size != Some(size);
        if frame == self.drawn && !is_resized {
            return Ok(());
        }
        let mut text = String::new();
        if !self.drawn.is_empty() {
            text.push_str(&format!("\u{1b}[{}A\r", self.drawn.len()));
        }
        if is_resized {
            text.push_str("\u{1b}[0J");
        }
        for (index, line) in frame.iter().enumerate() {
            let is_there = !is_resized && self.drawn.get(index) == Some(line);
            if !is_there {
                text.push_str(&format!("\u{1b}[2K{line}"));
            }
            text.push('\n');
        }
        if frame.len() < self.drawn.len() {
            text.push_str("\u{1b}[0J");
        }
        out.write_all(text.as_bytes())?;
        out.flush()?;
        self.drawn = frame;
        self.size = Some(size);
        Ok(())
    }
}

/// What stands above the screen can't be drawn again, so a frame never fills it.
fn fit(mut frame: Vec<String>, rows: usize) -> Vec<String> {
    let max = rows.saturating_sub(1).max(2);
    if frame.len() > max {
        let more = frame.len() - max + 1;
        frame.truncate(max - 1);
        frame.push(format!("… {more} more lines; the window is too low"));
    }
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { rows: 5, columns: 80 };

    fn drawn(screen: &mut Screen, lines: &[&str], size: Size) -> String {
        let mut out = Vec::new();
        screen.draw(&mut out, lines.iter().map(ToString::to_string).collect(), size).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_what_changed_is_drawn() {
        let mut screen = Screen::default();
        assert_eq!(drawn(&mut screen, &["a", "b"], SIZE), "\u{1b}[0J\u{1b}[2Ka\n\u{1b}[2Kb\n");
        assert_eq!(drawn(&mut screen, &["a", "b"], SIZE), "");
        assert_eq!(drawn(&mut screen, &["a", "c"], SIZE), "\u{1b}[2A\r\n\u{1b}[2Kc\n");
        assert_eq!(drawn(&mut screen, &["a"], SIZE), "\u{1b}[2A\r\n\u{1b}[0J");
        let wider = Size { columns: 90, ..SIZE };
        assert_eq!(drawn(&mut screen, &["a"], wider), "\u{1b}[1A\r\u{1b}[0J\u{1b}[2Ka\n");
    }

    #[test]
    fn frames_never_fill_the_screen() {
        let mut screen = Screen::default();
        let text = drawn(&mut screen, &["1", "2", "3", "4", "5", "6"], SIZE);
        assert!(text.contains("… 3 more lines") && !text.contains('4'), "{text}");
    }
}
