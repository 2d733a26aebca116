//! A progress bar, on a terminal and when there is something to wait for.

use super::Output;
use crate::quantities::size_in_words;
use crate::t;
use crate::text::{count_of, one_line, text_of};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

/// A bar that follows the API's progress lines; invisible where nobody watches.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    pub(crate) fn new(output: &Output) -> Self {
        let target =
            if output.is_watched() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self(ProgressBar::with_draw_target(None, target).with_style(style("{spinner} {msg} {pos}")))
    }

    /// Takes one `progress` object: `done`, `total` (or null), `what`, and `unit` where it is bytes.
    pub(crate) fn update(&self, progress: &Value) {
        if progress["unit"] == "bytes" {
            return self.update_bytes(progress);
        }
        if let Some(total) = progress["total"].as_u64()
            && self.0.length() != Some(total)
        {
            self.0.set_length(total);
            self.0.set_style(style("{wide_bar} {pos}/{len} {msg}"));
        }
        let what = text_of(progress, "what");
        if !what.is_empty() {
            self.0.set_message(one_line(what));
        }
        self.0.set_position(count_of(progress, "done"));
    }

    fn update_bytes(&self, progress: &Value) {
        let (done, total) = (count_of(progress, "done"), count_of(progress, "total"));
        if self.0.length() != Some(total) {
            self.0.set_length(total);
            self.0.set_style(style("{wide_bar} {msg}"));
        }
        let name = one_line(text_of(progress, "what"));
        let (of, size) = (size_in_words(done), size_in_words(total));
        self.0.set_message(t!("progress-bytes", name = name, done = of, size = size));
        self.0.set_position(done);
    }

    /// Says something while the bar is out of the way.
    pub(crate) fn say(&self, output: &Output, line: &str) {
        self.0.suspend(|| output.say(line));
    }

    /// Shows a count with words where there is no total.
    pub(crate) fn count(&self, done: u64, words: String) {
        self.0.set_message(words);
        self.0.set_position(done);
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
