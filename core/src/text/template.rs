//! Texts with places for names: `{{region}}` is replaced by what is known when the text is used. There is no code in a
//! template, and a place that nobody knows is refused when the template is read, not when it is needed.

/// A text that was taken apart.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template<'t> {
    parts: Vec<Part<'t>>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part<'t> {
    Text(&'t str),
    Place(&'t str),
}

/// Why a text is no template.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
pub enum TemplateError {
    /// A place that has no meaning here.
    #[error("`{{{{{0}}}}}` has no meaning here")]
    Unknown(String),
    /// `{{` without `}}`.
    #[error("`{{{{` is never closed")]
    Unclosed,
}

impl<'t> Template<'t> {
    /// Takes a text apart; only these places are known.
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub fn parse(text: &'t str, known: &[&str]) -> Result<Self, TemplateError> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once("{{") {
            let (place, next) = after.split_once("}}").ok_or(TemplateError::Unclosed)?;
            if !known.contains(&place) {
                return Err(TemplateError::Unknown(place.to_owned()));
            }
            parts.extend([Part::Text(before), Part::Place(place)]);
            rest = next;
        }
        parts.push(Part::Text(rest));
        Ok(Self { parts })
    }

    /// Whether a place is used.
    #[must_use]
    pub fn uses(&self, place: &str) -> bool {
        self.parts.contains(&Part::Place(place))
    }

    /// The text with every place filled in.
    pub fn fill(&self, value: impl Fn(&str) -> String) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Part::Text(text) => (*text).to_owned(),
            Part::Place(place) => value(place),
        });
        parts.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 2] = ["region", "slot"];

    #[test]
    fn places_are_filled_and_the_rest_stays() {
        let table = [
            ("", ""),
            ("plain {x} }} {", "plain {x} }} {"),
            ("{{region}}", "<region>"),
            ("a{{region}}b{{slot}}{{region}}c", "a<region>b<slot><region>c"),
            (r#"up{slot="{{slot}}"}"#, r#"up{slot="<slot>"}"#),
        ];
        for (text, filled) in table {
            let template = Template::parse(text, &KNOWN).unwrap();
            assert_eq!(template.fill(|place| format!("<{place}>")), filled);
            assert_eq!(template.uses("slot"), text.contains("slot}}"), "{text}");
        }
    }

    #[test]
    fn what_is_filled_in_is_not_taken_apart_again() {
        let template = Template::parse("{{region}}", &KNOWN).unwrap();
        assert_eq!(template.fill(|_| "{{slot}}".to_owned()), "{{slot}}");
    }

    #[test]
    fn unknown_and_open_places_are_refused() {
        let unknown = |place: &str| TemplateError::Unknown(place.to_owned());
        let table = [
            ("{{zone}}", unknown("zone")),
            ("{{ region }}", unknown(" region ")),
            ("{{}}", unknown("")),
            ("{{{region}}}", unknown("{region")),
            ("{{region", TemplateError::Unclosed),
            ("{{region}} {{", TemplateError::Unclosed),
        ];
        for (text, error) in table {
            assert_eq!(Template::parse(text, &KNOWN), Err(error.clone()), "{text}");
        }
        assert_eq!(unknown("x").to_string(), "`{{x}}` has no meaning here");
    }
}
