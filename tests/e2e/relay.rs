//! A port that leads to the API server from wherever it was opened, and that can be cut or go silent.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use watcher::lab::Namespace;

pub(crate) struct Relay {
    state: Arc<Mutex<State>>,
    silence: Arc<Silence>,
    pub(crate) port: u16,
}

#[derive(Default)]
struct State {
    is_cut: bool,
    open: Vec<TcpStream>,
}

/// While it is kept, whatever is sent waits.
#[derive(Default)]
struct Silence {
    is_kept: Mutex<bool>,
    over: Condvar,
}

impl Silence {
    fn wait(&self) {
        drop(self.over.wait_while(self.is_kept.lock().unwrap(), |is_kept| *is_kept).unwrap());
    }

    fn keep(&self, is_kept: bool) {
        *self.is_kept.lock().unwrap() = is_kept;
        self.over.notify_all();
    }
}

impl Relay {
    /// From 127.0.0.1 of a namespace, or of where the test runs, to the server.
    pub(crate) fn new(namespace: Option<&Namespace>, server: u16) -> Self {
        let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let listener = namespace.map_or_else(bind, |namespace| namespace.run(bind).unwrap());
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let silence = Arc::new(Silence::default());
        let kept = Arc::clone(&silence);
        let (sender, accepted) = channel();
        // A socket belongs to the namespace that its thread was in, so whoever connects onwards was never in another.
        thread::spawn(move || accept(&listener, &sender));
        thread::spawn(move || {
            for from in accepted {
                let mut state = shared.lock().unwrap();
                let onwards =
                    (!state.is_cut).then(|| TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, server))));
                let Some(Ok(to)) = onwards else {
                    let _ignored = from.shutdown(Shutdown::Both);
                    continue;
                };
                state.open.extend([from.try_clone().unwrap(), to.try_clone().unwrap()]);
                copy(from.try_clone().unwrap(), to.try_clone().unwrap(), Arc::clone(&kept));
                copy(to, from, Arc::clone(&kept));
            }
        });
        Self { state, silence, port }
    }

    /// Ends every connection and lets no new one through.
    pub(crate) fn cut(&self) {
        let mut state = self.state.lock().unwrap();
        state.is_cut = true;
        for stream in state.open.drain(..) {
            let _ignored = stream.shutdown(Shutdown::Both);
        }
    }

    /// Takes what comes, old connections and new ones, and passes nothing on.
    pub(crate) fn hang(&self) {
        self.silence.keep(true);
    }

    /// As it was at first; what hung goes on.
    pub(crate) fn mend(&self) {
        self.state.lock().unwrap().is_cut = false;
        self.silence.keep(false);
    }
}

fn accept(listener: &TcpListener, accepted: &Sender<TcpStream>) {
    for stream in listener.incoming().flatten() {
        if accepted.send(stream).is_err() {
            return;
        }
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, silence: Arc<Silence>) {
    thread::spawn(move || {
        let mut buffer = [0; 16 << 10];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            silence.wait();
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        silence.wait();
        let _ignored = to.shutdown(Shutdown::Both);
        let _ignored = from.shutdown(Shutdown::Both);
    });
}
