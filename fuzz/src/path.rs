//! The paths of endpoints. The first line is the path of a request; each other line is an endpoint: its path, and its
//! suffixes after spaces.

use hookspool::policy::{Endpoint, Policy, ResponseRule};

/// Endpoints beyond this number are ignored.
const ENDPOINTS_MAX: usize = 8;

pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let asked = lines.next().unwrap_or_default();
    let endpoints: Vec<_> = lines.take(ENDPOINTS_MAX).enumerate().filter_map(endpoint).collect();
    let matches = |path: &str| {
        let all = endpoints
            .iter()
            .flat_map(|endpoint| matching(endpoint, path).map(move |suffix| (endpoint, suffix)));
        all.map(|(endpoint, suffix)| (endpoint.name.clone(), suffix)).collect::<Vec<_>>()
    };
    match Policy::new(Vec::new(), endpoints.clone()) {
        Ok(policy) => {
            let found = policy.route(asked).map(|route| (route.endpoint.name.clone(), route.suffix));
            assert_eq!(found.clone().into_iter().collect::<Vec<_>>(), matches(asked));
            if let Some(route) = policy.route(asked) {
                let event = route.endpoint.event(route.suffix, None);
                assert_eq!(event.is_some(), route.suffix.is_some());
                assert!(event.is_none_or(|event| asked.ends_with(event)));
            }
        }
        Err(conflicts) => {
            for conflict in conflicts {
                assert!(matches(&conflict.path).len() > 1, "{conflict:?}");
            }
        }
    }
}

/// An endpoint as webhooks.toml could contain it: paths and suffixes begin with a slash.
fn endpoint((index, line): (usize, &str)) -> Option<Endpoint> {
    let mut words = line.split(' ').filter(|word| word.starts_with('/'));
    let path = words.next()?.to_owned();
    Some(Endpoint {
        name: format!("e{index}").parse().unwrap(),
        path,
        suffixes: words.map(str::to_owned).collect(),
        senders: Vec::new(),
        max_body: 1,
        max_spool: None,
        response: ResponseRule::default(),
        secret: None,
        from: Vec::new(),
    })
}

/// Each way in which a path belongs to an endpoint.
fn matching(endpoint: &Endpoint, path: &str) -> impl Iterator<Item = Option<usize>> {
    let base = endpoint.path.strip_suffix('/').unwrap_or(&endpoint.path);
    let mut found = Vec::new();
    if let Some(rest) = path.strip_prefix(base) {
        found.extend((rest.is_empty() && !base.is_empty()).then_some(None));
        found.extend((rest == "/").then_some(None));
        for (index, suffix) in endpoint.suffixes.iter().enumerate() {
            found.extend((rest == suffix).then_some(Some(index)));
            found.extend((rest.strip_prefix('/') == Some(suffix)).then_some(Some(index)));
        }
    }
    found.into_iter()
}
