//! Self-signed certificates around signing keys, and the forms in which the API shows them.

use std::time::Duration;

use aws_lc_rs::digest;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use kernel::{Context, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256,
    RsaKeySize, SerialNumber,
};
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// A fresh RSA key of 2048 bits and the certificate that presents it.
pub struct CertifiedKey {
    /// PKCS#8, DER.
    pub private_key: Zeroizing<Vec<u8>>,
    /// The self-signed certificate.
    pub certificate: Certificate,
}

impl CertifiedKey {
    /// Makes a key and its certificate. Takes 50 to 500 ms of a core: the search for primes is a lottery.
    /// The key's randomness is the cryptographic library's own; serial number and dates come from the context.
    pub fn generate(context: &Context, common_name: &str, lifetime: Duration) -> Self {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("RSA keys can be generated");
        let certificate = Certificate::self_signed(context, &key, common_name, lifetime);
        Self { private_key: Zeroizing::new(key.serialized_der().to_vec()), certificate }
    }
}

/// A certificate in DER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate(Vec<u8>);

impl Certificate {
    /// From DER bytes.
    pub fn from_der(der: Vec<u8>) -> Self {
        Self(der)
    }

    /// From the PEM that [`Certificate::pem`] writes.
    pub fn from_pem(pem: &str) -> Option<Self> {
        let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).ok()?;
        Some(Self(block.contents))
    }

    fn self_signed(context: &Context, key: &KeyPair, common_name: &str, lifetime: Duration) -> Self {
        let mut serial = context.bytes::<9>();
        // A positive number of full length.
        serial[0] = serial[0] & 0x7f | 0x40;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.not_before = date(context.now());
        params.not_after = date(context.now() + lifetime);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
        let certificate = params.self_signed(key).expect("the parameters are complete and the key signs");
        Self(certificate.der().to_vec())
    }

    /// The DER bytes.
    pub fn der(&self) -> &[u8] {
        &self.0
    }

    /// PEM with CRLF line breaks, one after the last line too, as the service writes it.
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", &self.0)
    }

    /// A PKCS#7 structure without signers that holds just this certificate (RFC 2315 §9.1), as PEM.
    pub fn pkcs7(&self) -> String {
        const DATA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
        const SIGNED_DATA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
        let version = [0x02, 0x01, 0x01];
        let no_digests = element(SET, &[]);
        let content = element(SEQUENCE, DATA);
        let certificates = element(TAGGED_0, &self.0);
        let no_signers = element(SET, &[]);
        let signed = [&version, no_digests.as_slice(), &content, &certificates, &no_signers].concat();
        let body = [SIGNED_DATA, &element(TAGGED_0, &element(SEQUENCE, &signed))].concat();
        pem("PKCS7", &element(SEQUENCE, &body))
    }

    /// SHA-1 of the DER in upper-case hexadecimal, separated by colons.
    pub fn fingerprint(&self) -> String {
        let bytes: Vec<String> = self.sha1().iter().map(|byte| format!("{byte:02X}")).collect();
        bytes.join(":")
    }

    /// [`Certificate::fingerprint`] without the colons.
    pub fn thumbprint(&self) -> String {
        self.fingerprint().replace(':', "")
    }

    /// `x5t` of a JWK: SHA-1 of the DER in base64url (RFC 7517 §4.8).
    pub fn x5t(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.sha1())
    }

    /// An item of `x5c`: the DER in base64 (RFC 7517 §4.7).
    pub fn x5c(&self) -> String {
        STANDARD.encode(&self.0)
    }

    fn sha1(&self) -> Vec<u8> {
        digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &self.0).as_ref().to_vec()
    }
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const TAGGED_0: u8 = 0xa0;

/// A DER element: tag, length, content.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut encoded = vec![tag];
    if let Ok(short @ 0..=0x7f) = u8::try_from(length) {
        encoded.push(short);
    } else {
        let bytes = length.to_be_bytes();
        let significant = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
        encoded.push(0x80 | u8::try_from(significant.len()).expect("a length has at most eight bytes"));
        encoded.extend(significant);
    }
    encoded.extend(content);
    encoded
}

fn pem(label: &str, der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\r\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push_str("\r\n");
        rest = tail;
    }
    text + &format!("-----END {label}-----\r\n")
}

fn date(time: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(time.seconds()).expect("a clock shows years that certificates can name")
}

#[cfg(test)]
mod tests {
    use super::*;
    use x509_parser::{parse_x509_certificate, pem::parse_x509_pem};

    #[test]
    fn a_certificate_says_what_it_was_made_for() {
        let key = CertifiedKey::generate(&Context::system(), "tenant.example.com", Duration::from_secs(86_400));
        let (_, certificate) = parse_x509_certificate(key.certificate.der()).unwrap();
        assert_eq!(certificate.subject().to_string(), "CN=tenant.example.com");
        assert_eq!(certificate.subject(), certificate.issuer());
        assert!(certificate.is_ca());
        assert!(certificate.verify_signature(None).is_ok());
        let validity = certificate.validity();
        assert_eq!(validity.not_after.timestamp() - validity.not_before.timestamp(), 86_400);
        assert_eq!(key.certificate.thumbprint().len(), 40);
        assert_eq!(key.certificate.fingerprint().len(), 59);
    }

    #[test]
    fn pem_has_crlf_line_breaks_to_the_end() {
        let certificate = Certificate::from_der(vec![7; 100]);
        let pem = certificate.pem();
        assert!(pem.starts_with("-----BEGIN CERTIFICATE-----\r\n") && pem.ends_with("-----END CERTIFICATE-----\r\n"));
        assert!(pem.lines().all(|line| line.len() <= 64));
        assert_eq!(pem.matches('\n').count(), pem.matches("\r\n").count());
        assert_eq!(Certificate::from_pem(&pem), Some(certificate));
    }

    #[test]
    fn the_pkcs7_form_holds_the_certificate_and_no_signer() {
        let key = CertifiedKey::generate(&Context::system(), "x", Duration::from_secs(86_400));
        let (_, block) = parse_x509_pem(key.certificate.pkcs7().as_bytes()).unwrap();
        assert_eq!(block.label, "PKCS7");
        let der = key.certificate.der();
        assert!(block.contents.windows(der.len()).any(|part| part == der));
        // Empty set of signers at the end.
        assert!(block.contents.ends_with(&[0x31, 0x00]));
    }
}
