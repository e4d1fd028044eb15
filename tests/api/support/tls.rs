//! A gateway behind TLS, with a certificate that its own authority signed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::ACCEPTED;
use super::gateway::Move;

/// A gateway that accepts every push, for the names in its certificate.
pub(crate) struct TlsGateway {
    pub(crate) address: SocketAddr,
    /// Its authority's certificate.
    pub(crate) authority: String,
}

impl TlsGateway {
    /// Serves under a certificate for `names`.
    pub(crate) fn start(names: &[&str]) -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let config = Arc::new(config);
        thread::spawn(move || {
            for socket in listener.incoming() {
                let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
                thread::spawn(move || serve(StreamOwned::new(tls, socket.unwrap())));
            }
        });
        Self { address, authority: authority.pem() }
    }
}

/// Answers requests until the peer closes. A peer that does not trust the certificate closes at once.
fn serve(stream: StreamOwned<ServerConnection, std::net::TcpStream>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            match reader.read_line(&mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) if line.trim().is_empty() => break,
                Ok(_) => {}
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        reader.get_mut().write_all(&Move::answer_bytes(200, &[], ACCEPTED.as_bytes())).unwrap();
    }
}
