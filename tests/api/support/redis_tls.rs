//! Redis behind TLS, with a certificate that its own authority signed.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use super::redis::{RedisServer, free_port};

/// The server, until it is dropped. It also has a plain port.
pub(crate) struct TlsRedis {
    pub(crate) server: RedisServer,
    pub(crate) port: u16,
    /// Its own options, which a Sentinel also needs.
    options: Vec<String>,
    folder: TempDir,
}

impl TlsRedis {
    /// Starts one under a certificate for `name`, with further options.
    pub(crate) fn start(name: &str, further: &[&str]) -> Option<Self> {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();

        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let mut options =
            ["--tls-auth-clients", "no", "--tls-replication", "yes"].map(str::to_owned).to_vec();
        for (option, text) in [
            ("--tls-cert-file", certificate.pem()),
            ("--tls-key-file", key.serialize_pem()),
            ("--tls-ca-cert-file", authority.pem()),
        ] {
            let path = folder.path().join(option);
            fs::write(&path, text).unwrap();
            options.extend([option.to_owned(), path.to_str().unwrap().to_owned()]);
        }
        let port_text = port.to_string();
        let own: Vec<&str> = options.iter().map(String::as_str).collect();
        let server = RedisServer::with("", &[&own, ["--tls-port", &port_text].as_slice(), further].concat())?;
        Some(Self { server, port, options, folder })
    }

    /// The file with its authority's certificate.
    pub(crate) fn authority(&self) -> String {
        self.folder.path().join("--tls-ca-cert-file").to_str().unwrap().to_owned()
    }

    /// Its options as lines of a configuration.
    pub(crate) fn configuration(&self) -> String {
        let lines =
            self.options.chunks(2).map(|pair| format!("{} {}\n", pair[0].trim_start_matches('-'), pair[1]));
        lines.collect()
    }
}
