//! Texts that look like secrets: what people paste into a manifest by mistake would be kept, shown and exported for ever. It
//! knows forms that are unmistakable, and guesses nothing.

/// What a text seems to hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Secret {
    /// A private key in PEM.
    PrivateKey,
    /// The id of an access key of AWS, beside which its secret usually stands.
    AwsKey,
    /// A token of GitHub.
    GitHubToken,
    /// A token of Slack.
    SlackToken,
    /// A key of Google's interfaces.
    GoogleKey,
    /// A signed JSON web token.
    WebToken,
}

/// A prefix, how many characters of a key follow it at least, and what that is. Forms as their issuers publish them.
const FORMS: [(&str, usize, Secret); 15] = [
    ("AKIA", 16, Secret::AwsKey),
    ("ASIA", 16, Secret::AwsKey),
    ("ghp_", 36, Secret::GitHubToken),
    ("gho_", 36, Secret::GitHubToken),
    ("ghu_", 36, Secret::GitHubToken),
    ("ghs_", 36, Secret::GitHubToken),
    ("ghr_", 36, Secret::GitHubToken),
    ("github_pat_", 40, Secret::GitHubToken),
    ("xoxb-", 20, Secret::SlackToken),
    ("xoxa-", 20, Secret::SlackToken),
    ("xoxp-", 20, Secret::SlackToken),
    ("xoxr-", 20, Secret::SlackToken),
    ("xoxs-", 20, Secret::SlackToken),
    ("AIza", 35, Secret::GoogleKey),
    ("eyJ", 20, Secret::WebToken),
];

impl Secret {
    /// What people call it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PrivateKey => "a private key",
            Self::AwsKey => "an AWS access key",
            Self::GitHubToken => "a GitHub token",
            Self::SlackToken => "a Slack token",
            Self::GoogleKey => "a Google API key",
            Self::WebToken => "a signed token",
        }
    }

    /// The first secret that a text seems to hold.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        if is_private_key(text) {
            return Some(Self::PrivateKey);
        }
        FORMS.iter().find_map(|(prefix, least, secret)| {
            let follows = |at: usize| fits(*secret, text, at, at + prefix.len(), *least);
            text.match_indices(prefix).any(|(at, _)| follows(at)).then_some(*secret)
        })
    }
}

/// `-----BEGIN … PRIVATE KEY-----`.
fn is_private_key(text: &str) -> bool {
    let begins = text.split("-----BEGIN ").skip(1);
    begins.into_iter().any(|rest| rest.split("-----").next().is_some_and(|label| label.ends_with("PRIVATE KEY")))
}

/// Whether a key of the form begins at `at`, not inside a longer word, with enough characters of a key after its prefix.
fn fits(secret: Secret, text: &str, at: usize, after: usize, least: usize) -> bool {
    let is_key = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let before = text.as_bytes()[..at].last();
    let key = text.as_bytes()[after..].iter().take_while(|byte| is_key(byte)).count();
    if before.is_some_and(is_key) || key < least {
        return false;
    }
    match secret {
        // Three parts: header, claims, signature.
        Secret::WebToken => {
            let rest = &text[after + key..];
            let parts: Vec<&str> = rest.split('.').collect();
            rest.starts_with(".eyJ") && parts.get(2).is_some_and(|part| part.bytes().next().is_some_and(|b| is_key(&b)))
        }
        Secret::AwsKey => {
            let rest = &text.as_bytes()[after..after + key];
            key == least && rest.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        }
        Secret::PrivateKey | Secret::GitHubToken | Secret::SlackToken | Secret::GoogleKey => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_wherever_they_stand() {
        let x = |count: usize| "x".repeat(count);
        let table = [
            ("-----BEGIN PRIVATE KEY-----\nMIIE".to_owned(), Secret::PrivateKey),
            ("see:\n-----BEGIN RSA PRIVATE KEY-----".to_owned(), Secret::PrivateKey),
            ("-----BEGIN CERTIFICATE-----\n-----BEGIN EC PRIVATE KEY-----".to_owned(), Secret::PrivateKey),
            (format!("key={}{}", "AK", "IAIOSFODNN7EXAMPLE"), Secret::AwsKey),
            (format!("Bearer ghp_{}", x(36)), Secret::GitHubToken),
            (format!("github_pat_{}", x(60)), Secret::GitHubToken),
            (format!("https://hooks.example/?token=xoxb-{}", "1".repeat(24)), Secret::SlackToken),
            (format!("AIza{}", x(35)), Secret::GoogleKey),
            (format!("eyJ{}.eyJ{}.{}", x(30), x(30), x(43)), Secret::WebToken),
        ];
        for (text, secret) in table {
            assert_eq!(Secret::of(&text), Some(secret), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_left_alone() {
        let digest = crate::digest::Digest::of(b"x").to_string();
        let table = [
            "",
            "-----BEGIN CERTIFICATE-----",
            "the PRIVATE KEY----- is kept elsewhere",
            "AKIA",
            "AKIAshort",
            "MAKIAIOSFODNN7EXAMPLE",
            "AKIAIOSFODNN7EXAMPLETOOLONG",
            "ghp_short",
            "https://example.com/eyJust-a-path-that-is-quite-long",
            "xoxb-short",
            "naïve ghp_ é",
            &digest,
            "0198c5d2-5a5f-7d5e-b7c0-7a2a3d0e8c11",
        ];
        for text in table {
            assert_eq!(Secret::of(text), None, "{text}");
        }
    }
}
