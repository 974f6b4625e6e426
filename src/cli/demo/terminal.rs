//! The terminal: one write a frame, so that nothing flickers, and left as it was found.
//!
//! Frames go to the alternate screen; what the demo says in the end stays in the user's own. The trap: whatever ends the
//! demo, the cursor must come back, so [`Terminal`] gives it back when dropped.

use std::io::{IsTerminal, Write};

use terminal_size::{Height, Width, terminal_size};

use super::screen::Line;

/// A terminal in use.
pub(super) struct Terminal {
    color: bool,
}

impl Terminal {
    /// Takes the terminal on stdout; `None` if there is none that can move its cursor.
    pub(super) fn open() -> Option<Terminal> {
        let stdout = std::io::stdout();
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        if !stdout.is_terminal() || dumb {
            return None;
        }
        let color = anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never;
        let terminal = Terminal { color };
        // The alternate screen, empty, without a cursor.
        terminal.write("\x1b[?1049h\x1b[?25l\x1b[2J");
        Some(terminal)
    }

    /// Columns and rows of now; 80 by 24 if it does not say.
    pub(super) fn size() -> (usize, usize) {
        let (columns, rows) = terminal_size().map_or((80, 24), |(Width(columns), Height(rows))| (columns, rows));
        if columns == 0 || rows == 0 { (80, 24) } else { (usize::from(columns), usize::from(rows)) }
    }

    /// Shows these lines from the top left on.
    pub(super) fn draw(&self, lines: &[Line], columns: usize) {
        // Begin a synchronized update (terminals that do not know it ignore it); every line clears its own rest.
        let mut frame = String::from("\x1b[?2026h\x1b[H");
        for (at, line) in lines.iter().enumerate() {
            if at > 0 {
                frame.push_str("\r\n");
            }
            frame.push_str(&line.render(columns, self.color));
            frame.push_str("\x1b[K");
        }
        frame.push_str("\x1b[J\x1b[?2026l");
        self.write(&frame);
    }

    fn write(&self, text: &str) {
        let mut stdout = std::io::stdout().lock();
        // A terminal that is gone cannot be told so; the demo ends by its own signal.
        let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.write("\x1b[?25h\x1b[?1049l");
    }
}
