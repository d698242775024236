//! A terminal for a program to run on.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use stage::{PATIENCE, Process, Settings, wait_for};

/// Both ends of a terminal of that size: ours, and the program's. No other program that is started meanwhile gets hold of one: it would keep
/// the terminal open.
pub(crate) fn pair(rows: u16, columns: u16) -> (File, OwnedFd) {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the descriptor is ours alone, and the structure outlives the call that reads it.
    let (ours, theirs) = unsafe {
        let ours = libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC);
        assert!(ours >= 0, "{}", std::io::Error::last_os_error());
        let open = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
        assert_eq!((libc::grantpt(ours), libc::unlockpt(ours)), (0, 0));
        assert_eq!(libc::ioctl(ours, libc::TIOCSWINSZ, &raw const size), 0);
        (File::from_raw_fd(ours), libc::ioctl(ours, libc::TIOCGPTPEER, open))
    };
    assert!(theirs >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: likewise.
    (ours, unsafe { OwnedFd::from_raw_fd(theirs) })
}

/// Runs the bridge with somebody at the terminal who answers so: how it ends, what it says, and what it asks.
pub(crate) fn answered(
    arguments: &[&str],
    settings: &Settings,
    answer: &str,
) -> (ExitStatus, String, String) {
    let (mut ours, theirs) = pair(24, 80);
    let (mut command, _folder) = settings.command(arguments, &[]);
    command.stdin(theirs).stdout(Stdio::piped()).stderr(Stdio::piped());
    let bridge = Process::start(command, "it is built by `cargo test`");
    let (said, asked) = (bridge.said(), bridge.log(|_| ()));
    ours.write_all(answer.as_bytes()).unwrap();
    let status = wait_for("it ends", PATIENCE, || bridge.ended());
    (status, said.whole(), asked.whole())
}

/// What somebody sees who looks at it.
pub(crate) struct Screen {
    seen: Arc<Mutex<(vt100::Parser, String)>>,
    /// Ends when the program has.
    reader: JoinHandle<()>,
}

impl Screen {
    /// Tall and wide enough for everything that is said.
    pub(crate) fn open() -> (Self, OwnedFd) {
        let (rows, columns) = (500, 1000);
        let (mut ours, theirs) = pair(rows, columns);
        let seen = Arc::new(Mutex::new((vt100::Parser::new(rows, columns, 0), String::new())));
        let into = Arc::clone(&seen);
        let reader = std::thread::spawn(move || {
            let mut piece = [0; 4096];
            // An error, once nobody has the other end open.
            while let Ok(count @ 1..) = ours.read(&mut piece) {
                let mut seen = into.lock().unwrap_or_else(PoisonError::into_inner);
                seen.0.process(&piece[..count]);
                seen.1.push_str(&String::from_utf8_lossy(&piece[..count]));
            }
        });
        (Self { seen, reader }, theirs)
    }

    /// Its lines, but for the empty ones.
    pub(crate) fn lines(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = seen.0.screen().contents();
        lines.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
    }

    /// Everything that was ever written to it.
    pub(crate) fn written(&self) -> String {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// Whether nobody can write to it any more, and all is read.
    pub(crate) fn is_closed(&self) -> bool {
        self.reader.is_finished()
    }
}
