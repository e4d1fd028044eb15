//! Redis behind TLS, with a certificate that its own authority signed.

use std::fs;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use super::redis::{RedisServer, free_port};

/// The server, until it is dropped. It has a plain port, too.
pub(crate) struct TlsRedis {
    pub(crate) server: RedisServer,
    pub(crate) port: u16,
    folder: TempDir,
}

impl TlsRedis {
    /// Starts one under a certificate for `localhost`.
    pub(crate) fn start() -> Option<Self> {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = names.signed_by(&key, &authority).unwrap();

        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let write = |name: &str, text: String| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (certificate, key) = (write("certificate", certificate.pem()), write("key", key.serialize_pem()));
        let authority = write("authority", authority.pem());
        let files =
            ["--tls-cert-file", &certificate, "--tls-key-file", &key, "--tls-ca-cert-file", &authority];
        let port_text = port.to_string();
        let rest = ["--tls-port", port_text.as_str(), "--tls-auth-clients", "no"];
        let server = RedisServer::with("", &[files.as_slice(), &rest].concat())?;
        Some(Self { server, port, folder })
    }

    /// The file with its authority's certificate.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("authority")
    }
}
