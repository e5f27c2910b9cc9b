//! How amounts and counts are shown to people.

/// Three digits at a time: `-1,234,567`.
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        grouped.push('-');
    }
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// An amount of minor units in the currency's major unit, without its code: `4,596,039.58`.
pub fn amount(minor: i64, currency: &str) -> String {
    let digits = minor_digits(currency);
    let scale = 10_u64.pow(digits);
    let (major, rest) = (minor.unsigned_abs() / scale, minor.unsigned_abs() % scale);
    let sign = if minor < 0 { "-" } else { "" };
    let major = grouped(i64::try_from(major).unwrap_or(i64::MAX));
    match digits {
        0 => format!("{sign}{major}"),
        _ => format!("{sign}{major}.{rest:0width$}", width = digits as usize),
    }
}

/// Minor units in one unit of the currency.
pub fn minor_per_unit(currency: &str) -> i64 {
    10_i64.pow(minor_digits(currency))
}

/// Decimal digits of the minor unit (ISO 4217).
fn minor_digits(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A misplaced point is a hundredfold error in somebody's report.
    #[test]
    fn amounts_have_their_currency_s_digits() {
        let shown = [(459_603_958, "USD"), (5, "RUB"), (-123_456, "RUB"), (1_234, "JPY"), (1_234_567, "KWD")];
        let shown: Vec<String> = shown.iter().map(|(minor, currency)| amount(*minor, currency)).collect();
        assert_eq!(shown, ["4,596,039.58", "0.05", "-1,234.56", "1,234", "1,234.567"]);
        assert_eq!([0, 999, 1000, -1_000_000].map(grouped), ["0", "999", "1,000", "-1,000,000"]);
        assert_eq!(amount(i64::MIN, "USD"), "-92,233,720,368,547,758.08");
    }
}
