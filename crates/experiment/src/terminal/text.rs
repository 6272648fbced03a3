//! Numbers, times and bars, formatted for people.

use std::time::Duration;

/// The two largest units of `time`, such as `2h 05m`; `45s` below a minute.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m {:02}s", seconds % 60),
        3600..86400 => format!("{hours}h {:02}m", minutes % 60),
        _ => format!("{days}d {:02}h", hours % 24),
    }
}

/// `number` with its significant digits: `0.53`, `8.7`, `1,235`.
pub fn rounded(number: f64) -> String {
    match number {
        ..0.995 => format!("{number:.2}"),
        ..99.95 => format!("{number:.1}"),
        _ => thousands(number.round() as u64),
    }
}

/// `number` with a comma before each three digits.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things: `1 trial`, `2 trials`.
pub fn count(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// A bar of `WIDTH` columns, filled by `done` of `total`.
pub fn bar(done: u64, total: u64) -> String {
    const WIDTH: u64 = 10;
    let filled = (WIDTH * done.min(total)).checked_div(total).unwrap_or(0);
    let part = |glyph: &str, columns: u64| glyph.repeat(columns as usize);
    part("█", filled) + &part("░", WIDTH - filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_its_two_largest_units() {
        let cases = [
            (0.4, "0s"),
            (59.4, "59s"),
            (59.6, "1m 00s"),
            (125.0, "2m 05s"),
            (3600.0, "1h 00m"),
            (86399.0, "23h 59m"),
            (200_000.0, "2d 07h"),
        ];
        for (seconds, text) in cases {
            assert_eq!(duration(Duration::from_secs_f64(seconds)), text);
        }
    }

    #[test]
    fn speeds_are_rounded_to_the_digits_that_tell_something() {
        let cases = [
            (0.0, "0.00"),
            (0.534, "0.53"),
            (8.71, "8.7"),
            (0.996, "1.0"),
            (99.94, "99.9"),
            (99.96, "100"),
            (1234.567, "1,235"),
            (12_345_678.0, "12,345,678"),
        ];
        for (number, text) in cases {
            assert_eq!(rounded(number), text);
        }
    }

    #[test]
    fn a_bar_is_full_only_at_the_end() {
        assert_eq!(bar(0, 0), "░░░░░░░░░░");
        assert_eq!(bar(99, 100), "█████████░");
        assert_eq!(bar(100, 100), "██████████");
        assert_eq!(bar(101, 100), "██████████");
    }
}
