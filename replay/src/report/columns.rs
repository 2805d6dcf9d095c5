//! Series as wide as the drawing: what is too narrow to be seen is put together, and the tightest, least and most stay.

use proto::time::Time;

use super::axis::Axis;
use super::curve::Stretch;
use super::text::put;

/// A stretch in which one value holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Band<T> {
    pub(super) from: Time,
    pub(super) to: Time,
    pub(super) value: T,
}

/// The stretches of a value that changes, up to the end of the axis. Of neighbours that are less than a unit wide
/// together, the greater value stays: the tighter one.
pub(super) fn bands<T: Ord + Copy>(changes: &[(Time, T)], axis: Axis) -> Vec<Band<T>> {
    let ends = changes.iter().skip(1).map(|(at, _)| *at).chain([axis.last]);
    let mut bands: Vec<Band<T>> = Vec::new();
    for ((from, value), to) in changes.iter().copied().zip(ends) {
        match bands.last_mut() {
            Some(last) if last.value == value || axis.x(to) - axis.x(last.from) < 1.0 => {
                last.to = to;
                last.value = last.value.max(value);
            }
            Some(_) | None => bands.push(Band { from, to, value }),
        }
    }
    bands
}

/// The path of a number that stays until it changes, up to the end of the axis. `y` says where a number stands.
pub(super) fn steps(changes: &[(Time, f64)], axis: Axis, y: impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    let columns = changes.chunk_by(|(a, _), (b, _)| axis.x(*a).floor() == axis.x(*b).floor());
    for column in columns {
        let (Some((first, _)), Some((_, last))) = (column.first(), column.last()) else { continue };
        let x = axis.x(*first);
        let begin = if path.is_empty() { format!("M{x:.1} {:.1}", y(*last)) } else { format!("H{x:.1}") };
        path.push_str(&begin);
        if let [_, _, ..] = column {
            let (least, most) = extent(column.iter().map(|(_, value)| *value)).unwrap_or((*last, *last));
            put(&mut path, format_args!("V{:.1}V{:.1}", y(least), y(most)));
        }
        put(&mut path, format_args!("V{:.1}", y(*last)));
    }
    if !path.is_empty() {
        put(&mut path, format_args!("H{:.1}", axis.x(axis.last)));
    }
    path
}

/// The path of a number that is seen now and then.
pub(super) fn curve(stretches: &[Stretch], axis: Axis, y: impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    for column in stretches.chunk_by(|a, b| axis.x(a.begin).floor() == axis.x(b.begin).floor()) {
        let (Some(first), Some(last)) = (column.first(), column.last()) else { continue };
        let values = column.iter().flat_map(|stretch| [stretch.least, stretch.most]);
        let (least, most) = extent(values).unwrap_or((last.last, last.last));
        let command = if path.is_empty() { 'M' } else { 'L' };
        put(&mut path, format_args!("{command}{:.1} {:.1}", axis.x(first.begin), y(most)));
        if least < most {
            put(&mut path, format_args!("V{:.1}V{:.1}", y(least), y(last.last)));
        }
    }
    path
}

/// The least and the most of some numbers.
pub(super) fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values.into_iter().fold(None, |extent, value| {
        let (least, most) = extent.unwrap_or((value, value));
        Some((least.min(value), most.max(value)))
    })
}

#[cfg(test)]
mod tests {
    use proto::time::Period;

    use super::*;
    use crate::report::axis::WIDTH;

    fn at(seconds: i64) -> Time {
        Time::from_millis(seconds * 1000)
    }

    fn axis(seconds: i64) -> Axis {
        Axis::new(at(0), at(seconds))
    }

    #[test]
    fn bands_cover_the_time_from_the_first_change_on() {
        let bands = bands(&[(at(10), 1), (at(40), 2), (at(60), 0)], axis(100));
        let told: Vec<_> = bands.iter().map(|band| (band.from, band.to, band.value)).collect();
        assert_eq!(told, [(at(10), at(40), 1), (at(40), at(60), 2), (at(60), at(100), 0)]);
    }

    #[test]
    fn a_value_that_flaps_for_months_stays_small_and_its_tightest_is_seen() {
        let flaps: Vec<(Time, i32)> = (0..200_000)
            .map(|step| (at(step * 60), if step == 77_777 { 3 } else { i32::from(step % 2 == 1) }))
            .collect();
        let axis = Axis::new(at(0), at(0).after(Period::from_mins(200_000)));
        let bands = bands(&flaps, axis);
        assert!(bands.len() <= 2 * WIDTH as usize, "{}", bands.len());
        assert!(bands.is_sorted_by_key(|band| band.from));
        assert!(bands.iter().any(|band| band.value == 3 && (band.from..=band.to).contains(&at(77_777 * 60))));
        assert_eq!(bands.last().unwrap().to, axis.last);

        let numbers: Vec<(Time, f64)> = flaps.iter().map(|(at, value)| (*at, f64::from(*value))).collect();
        let path = steps(&numbers, axis, |value| value * 10.0);
        assert!(path.len() < 30_000, "{}", path.len());
        assert!(path.contains("V30.0"), "the most is on the path");
    }

    #[test]
    fn a_path_holds_each_value_until_the_next() {
        let path = steps(&[(at(0), 1.0), (at(50), 2.0)], axis(100), |value| value);
        assert_eq!(path, "M0.0 1.0V1.0H430.0V2.0H860.0");
        assert_eq!(steps(&[], axis(100), |value| value), "");
    }
}
