//! Mutation: an input made from others by chance, the same for the same dice.
//!
//! Most inputs have a shape (JSON, lines, TOML) that bytes drawn at random break at once, so that nothing behind the
//! parser is reached: JSON is changed as JSON, numbers as numbers, and only sometimes bytes as bytes.

use serde_json::{Deserializer, Map, Value, json};

/// The longest input that is made.
const INPUT_MOST_BYTES: usize = 300_000;
/// How deep a value is wrapped: around what serde_json reads, which is 127 levels.
const DEEP: [usize; 6] = [10, 63, 115, 120, 123, 130];
/// How often a thing is repeated.
const MANY: usize = 100;
/// Text that parsers stumble over.
const TOKENS: [&str; 24] = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-1",
    "null",
    "{}",
    "[]",
    "\"\"",
    "\u{0}",
    "\\u0000",
    "\\ud800",
    "é",
    "\n",
    "=",
    "#",
    "&",
    "%00",
    "+",
    ".",
    "main",
    "2026-01-31T09:30:00Z",
    "9999-12-31T23:59:59.999Z",
    "0s",
];
/// Numbers at the ends of what types hold.
const NUMBERS: [&str; 18] = [
    "0",
    "-0.0",
    "1",
    "-1",
    "0.5",
    "1.0000001",
    "100",
    "1e-320",
    "1e308",
    "-1e308",
    "2147483648",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "1e400",
];

/// Whole numbers that look random: SplitMix64.
pub(super) struct Dice(u64);

impl Dice {
    /// The dice of one case of a seed.
    pub(super) fn of(seed: u64, case: u64) -> Self {
        let mut dice = Self(seed ^ case.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 when there is none.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    fn range(&mut self, end: usize) -> std::ops::Range<usize> {
        let (a, b) = (self.below(end + 1), self.below(end + 1));
        a.min(b)..a.max(b)
    }
}

/// An input made from these.
pub(super) fn mutated(dice: &mut Dice, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut input = dice.one_of(seeds);
    for _ in 0..=dice.below(3) {
        match dice.below(8) {
            0..5 => input = change_json(dice, &input).unwrap_or_else(|| change_number(dice, &input)),
            5 | 6 => input = change_number(dice, &input),
            _ => change_bytes(dice, &mut input, seeds),
        }
    }
    input.truncate(INPUT_MOST_BYTES);
    input
}

/// Changes one of the JSON objects of an input; none when there is none.
fn change_json(dice: &mut Dice, input: &[u8]) -> Option<Vec<u8>> {
    let line_starts = |at: &usize| {
        input[*at] == b'{'
            && input[..*at].iter().rev().take_while(|byte| **byte != b'\n').all(|byte| *byte != b'{')
    };
    let starts: Vec<usize> = (0..input.len().min(10_000)).filter(line_starts).collect();
    let at = *starts.get(dice.below(starts.len()))?;
    let mut values = Deserializer::from_slice(&input[at..]).into_iter::<Value>();
    let mut value = values.next()?.ok()?;
    let end = at + values.byte_offset();
    let nodes = count(&value);
    let mut target = dice.below(nodes);
    change_node(dice, &mut value, &mut target);
    Some([&input[..at], value.to_string().as_bytes(), &input[end..]].concat())
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(count).sum::<usize>(),
        Value::Object(object) => 1 + object.values().map(count).sum::<usize>(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}

/// Walks to the node of this number, counted as [`count`] does, and changes it there.
fn change_node(dice: &mut Dice, value: &mut Value, target: &mut usize) {
    if *target == 0 {
        change(dice, value);
    }
    *target = target.wrapping_sub(1);
    match value {
        _ if *target == usize::MAX => {}
        Value::Array(list) => list.iter_mut().for_each(|value| walk(dice, value, target)),
        Value::Object(object) => object.values_mut().for_each(|value| walk(dice, value, target)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn walk(dice: &mut Dice, value: &mut Value, target: &mut usize) {
    if *target != usize::MAX {
        change_node(dice, value, target);
    }
}

fn change(dice: &mut Dice, value: &mut Value) {
    match (dice.below(6), &mut *value) {
        (0 | 1, Value::Object(object)) => change_object(dice, object),
        (0 | 1, Value::Array(list)) if !list.is_empty() => {
            let item = dice.one_of(list);
            match dice.below(3) {
                0 => list.extend(std::iter::repeat_n(item, MANY)),
                1 => list.clear(),
                _ => list.insert(0, item),
            }
        }
        (0 | 1, Value::Number(number)) => {
            let factor = dice.one_of(&[-1.0, 0.1, 10.0, 100.0, 1.000_001, 0.5]);
            *value = json!(number.as_f64().unwrap_or_default() * factor);
        }
        (2, _) => *value = (0..dice.one_of(&DEEP)).fold(value.take(), |inner, _| json!([inner])),
        (3, Value::String(text)) => text.push_str(dice.one_of(&TOKENS)),
        _ => *value = any(dice),
    }
}

fn change_object(dice: &mut Dice, object: &mut Map<String, Value>) {
    let names: Vec<String> = object.keys().cloned().collect();
    let Some(name) = names.get(dice.below(names.len())) else { return };
    match dice.below(3) {
        0 => {
            object.remove(name);
        }
        1 => {
            object.insert(dice.one_of(&TOKENS).to_string(), object[name].clone());
        }
        _ => {
            let other = dice.one_of(&names);
            object.insert(name.clone(), object[&other].clone());
        }
    }
}

fn any(dice: &mut Dice) -> Value {
    match dice.below(5) {
        0 => Value::Null,
        1 => json!(dice.one_of(&[true, false])),
        2 => json!(dice.one_of(&TOKENS)),
        3 => json!(dice.one_of(&["x", "é", "\u{1}"]).repeat(MANY)),
        _ => serde_json::from_str(dice.one_of(&NUMBERS)).unwrap_or(Value::Null),
    }
}

/// Puts another number where one stands.
fn change_number(dice: &mut Dice, input: &[u8]) -> Vec<u8> {
    let is_number = |at: usize| input.get(at).is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.');
    let starts: Vec<usize> =
        (0..input.len()).filter(|at| is_number(*at) && !at.checked_sub(1).is_some_and(is_number)).collect();
    let Some(start) = starts.get(dice.below(starts.len())).copied() else { return input.to_vec() };
    let end = (start..).find(|at| !is_number(*at)).unwrap_or(input.len());
    [&input[..start], dice.one_of(&NUMBERS).as_bytes(), &input[end..]].concat()
}

fn change_bytes(dice: &mut Dice, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    let at = dice.below(input.len() + 1);
    match dice.below(5) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << dice.below(8);
            }
        }
        1 => drop(input.splice(at..at, dice.one_of(&TOKENS).bytes())),
        2 => drop(input.drain(dice.range(input.len()))),
        3 => {
            let other = dice.one_of(seeds);
            let part = other[dice.range(other.len())].to_vec();
            drop(input.splice(at..at, part));
        }
        _ => {
            let range = dice.range(input.len().min(400));
            let part = input[range].repeat(1 + dice.below(4));
            drop(input.splice(at..at, part));
        }
    }
}
