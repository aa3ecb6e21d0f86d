//! Host names in the form that certificates contain.

/// Removes the dot of the root: `hooks.example.` becomes `hooks.example`. In certificates and in TLS, names never end
/// with a dot (RFC 6066, section 3).
pub fn without_root_dot(name: &str) -> &str {
    name.strip_suffix('.').filter(|rest| !rest.is_empty() && !rest.ends_with('.')).unwrap_or(name)
}

/// Returns the ASCII form of an internationalized name, such as `xn--bcher-kva.example` for `bücher.example`. `None` if
/// the name is already ASCII, or has characters other than letters, digits and hyphens.
///
/// The result is for messages, not for certificates: of the mapping of IDNA (RFC 5891), only lowercasing is applied.
pub fn ascii_form(name: &str) -> Option<String> {
    if name.is_ascii() {
        return None;
    }
    let (wildcard, rest) = match name.strip_prefix("*.") {
        Some(rest) => ("*.", rest),
        None => ("", name),
    };
    let labels: Option<Vec<_>> = rest.split('.').map(ascii_label).collect();
    Some(format!("{wildcard}{}", labels?.join(".")))
}

fn ascii_label(label: &str) -> Option<String> {
    let label = label.to_lowercase();
    if label.is_empty() || !label.chars().all(|c| c.is_alphanumeric() || c == '-') {
        return None;
    }
    let ascii = if label.is_ascii() { label } else { format!("xn--{}", punycode(&label)?) };
    (ascii.len() <= 63).then_some(ascii)
}

const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;
const BIAS_FIRST: u32 = 72;
const CODE_FIRST: u32 = 128;

/// Encodes a label as Punycode (RFC 3492, section 6.3); `None` on overflow.
fn punycode(label: &str) -> Option<String> {
    let mut out: String = label.chars().filter(char::is_ascii).collect();
    let basic = u32::try_from(out.len()).ok()?;
    if basic > 0 {
        out.push('-');
    }
    let (mut code, mut delta, mut bias, mut handled) = (CODE_FIRST, 0_u32, BIAS_FIRST, basic);
    while let Some(next) = label.chars().map(u32::from).filter(|c| *c >= code).min() {
        delta = delta.checked_add((next - code).checked_mul(handled + 1)?)?;
        code = next;
        for c in label.chars().map(u32::from) {
            if c < code {
                delta = delta.checked_add(1)?;
            }
            if c == code {
                push_number(&mut out, delta, bias)?;
                bias = adapt(delta, handled + 1, handled == basic);
                delta = 0;
                handled += 1;
            }
        }
        (delta, code) = (delta.checked_add(1)?, code + 1);
    }
    Some(out)
}

/// Appends a number of variable length, the least significant digit first.
fn push_number(out: &mut String, mut number: u32, bias: u32) -> Option<()> {
    let mut k = BASE;
    loop {
        let threshold = k.saturating_sub(bias).clamp(T_MIN, T_MAX);
        if number < threshold {
            break;
        }
        out.push(digit(threshold + (number - threshold) % (BASE - threshold))?);
        number = (number - threshold) / (BASE - threshold);
        k += BASE;
    }
    out.push(digit(number)?);
    Some(())
}

/// The digit of a value: `a` to `z` for 0 to 25, `0` to `9` for 26 to 35.
fn digit(value: u32) -> Option<char> {
    match value {
        0..26 => char::from_u32(u32::from(b'a') + value),
        _ => char::from_digit(value - 26, 10),
    }
}

fn adapt(delta: u32, handled: u32, is_first: bool) -> u32 {
    let mut delta = if is_first { delta / DAMP } else { delta / 2 };
    delta += delta / handled;
    let mut k = 0;
    while delta > (BASE - T_MIN) * T_MAX / 2 {
        delta /= BASE - T_MIN;
        k += BASE;
    }
    k + (BASE - T_MIN + 1) * delta / (delta + SKEW)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_dot_of_the_root_is_removed() {
        for (name, expected) in [
            ("hooks.example.", "hooks.example"),
            ("hooks.example", "hooks.example"),
            ("*.example.", "*.example"),
            ("hooks.example..", "hooks.example.."),
            (".", "."),
            ("", ""),
        ] {
            assert_eq!(without_root_dot(name), expected);
        }
    }

    #[test]
    fn internationalized_names_have_an_ascii_form() {
        // Compared with the codec of Python and the samples of RFC 3492, section 7.1.
        for (name, expected) in [
            ("bücher.example", "xn--bcher-kva.example"),
            ("*.BÜCHER.Example", "*.xn--bcher-kva.example"),
            ("ação.com.br", "xn--ao-siap.com.br"),
            ("a-bücher-1.example", "xn--a-bcher-1-s9a.example"),
            ("пример.рф", "xn--e1afmkfd.xn--p1ai"),
            ("例え.jp", "xn--r8jz45g.jp"),
            ("他们为什么不说中文", "xn--ihqwcrb4cv8a8dqg056pqjye"),
        ] {
            assert_eq!(ascii_form(name).as_deref(), Some(expected), "{name}");
        }
        for none in
            ["hooks.example", "b\u{fc}cher..example", "b\u{fc} x", "u\u{308}", "b\u{fc}cher\u{200b}.example"]
        {
            assert_eq!(ascii_form(none), None, "{none}");
        }
        assert_eq!(ascii_form(&"ü".repeat(200)), None, "longer than a label");
    }

    proptest! {
        #[test]
        fn any_text_is_accepted_without_a_panic(name in any::<String>()) {
            let _ = ascii_form(&name);
            let _ = without_root_dot(&name);
        }
    }
}
