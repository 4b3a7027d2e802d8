//! `kpi …`.

use meridian_core::id::KpiId;
use meridian_core::watch::Decimal;

use super::moment;
use crate::args::{KpiCommand, KpiRecord};
use crate::clock;
use crate::commands::Outcome;
use crate::error::CliError;
use crate::exit_code::Exit;
use crate::reference;
use crate::session::{Detail, Session};

pub(in crate::commands) async fn run(session: &mut Session<'_>, command: KpiCommand) -> Outcome {
    match command {
        KpiCommand::Record(record) => {
            let KpiRecord { service, name, value, at } = record;
            let service = reference::service(&service)?;
            let kpi = KpiId::new(name.clone()).map_err(|error| CliError::Usage(format!("KPI {name:?}: {error}")))?;
            let value = Decimal::parse(&value).map_err(|error| CliError::Usage(format!("{value:?}: {error}")))?;
            // Said here, so that the same call sent again is the same sample.
            let at = at.map_or_else(|| Ok(clock::now()), |text| moment("--at", &text))?;
            let seen = session.client().await?.record_kpi(&service, &kpi, value, at).await?;
            session.one(&seen, Detail::Row)?;
        }
        KpiCommand::List { service } => {
            let kpis = session.client().await?.kpis(&reference::service(&service)?).await?;
            session.list(&kpis)?;
        }
    }
    Ok(Exit::Done)
}
