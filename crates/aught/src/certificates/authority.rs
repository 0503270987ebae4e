//! The local authority, which signs for names of this machine and of the installation alone, and what it signs.

use std::{net::IpAddr, time::Duration};

use kernel::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use time::OffsetDateTime;
use x509_parser::{
    extensions::{GeneralName, ParsedExtension},
    prelude::{FromDer, X509Certificate},
};

use super::names::names_host;
use crate::{Failure, State, files};

const DAY: Duration = Duration::from_secs(86_400);
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(3_650 * 86_400);
/// Some clients refuse certificates that are valid for more than 825 days, even of a local authority.
const SERVER_LIFETIME: Duration = Duration::from_secs(397 * 86_400);
/// A certificate this near to its end is made anew.
pub(super) const RENEWAL: Duration = Duration::from_secs(30 * 86_400);
/// Names that lead to nobody else, wherever they are asked for (RFC 6761 §6.2, §6.3): these and all below them.
const LOCAL_NAMES: [&str; 2] = ["localhost", "test"];
const LOCAL_IPV4: CidrSubnet = CidrSubnet::V4([127, 0, 0, 0], [255, 0, 0, 0]);
const LOCAL_IPV6: CidrSubnet = CidrSubnet::V6([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], [255; 16]);

/// A certificate with its private key.
pub(super) struct Identity {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: KeyPair,
}

/// The authority that is kept, unless it is missing, near its end, not confined, or confined to other names than this
/// installation has.
pub(super) fn load(state: &State, host: &str, now: Timestamp) -> Result<Option<Identity>, Failure> {
    let (Some(certificate_file), Some(key_file)) = (state.file("ca.pem"), state.file("ca.key")) else {
        return Ok(None);
    };
    let (Some(certificate), Some(key)) = (files::read(&certificate_file)?, files::read(&key_file)?) else {
        return Ok(None);
    };
    let identity = parse(&certificate, &key).map_err(|error| Failure::new(certificate_file.display(), error))?;
    Ok(identity
        .into_iter()
        .find(|authority| now < end_of(&authority.certificate) - RENEWAL && may_sign_for(&authority.certificate, host)))
}

/// Makes an authority that whoever trusts it need not fear: it may sign for names of this machine, and for the
/// installation's domain and names below it.
pub(super) fn make(state: &State, host: &str, now: Timestamp) -> Result<Identity, Failure> {
    let mut params = CertificateParams::default();
    params.name_constraints =
        Some(NameConstraints { permitted_subtrees: permitted(host), excluded_subtrees: Vec::new() });
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().map_err(|error| Failure::new("a key for the local authority", error))?;
    // Two authorities of one name but different keys confuse clients that trust both: the name tells them apart.
    let mark = key.public_key_raw()[1..5].iter().fold(0_u32, |mark, byte| mark << 8 | u32::from(*byte));
    params.distinguished_name = name(&format!("aught local authority {mark:08x}"));
    lasting(&mut params, now, AUTHORITY_LIFETIME);
    let certificate = params.self_signed(&key).map_err(|error| Failure::new("the local authority", error))?;
    let authority = Identity { certificate: certificate.der().clone(), key };
    if let (Some(certificate_file), Some(key_file)) = (state.file("ca.pem"), state.file("ca.key")) {
        files::write_private(&key_file, &authority.key.serialize_pem())?;
        files::write_public(&certificate_file, &certificate_pem(&authority.certificate))?;
    }
    Ok(authority)
}

/// The server's certificate that is kept, if this authority made it for this host and it lasts.
pub(super) fn load_server(
    state: &State,
    host: &str,
    authority: &Identity,
    now: Timestamp,
) -> Result<Option<Identity>, Failure> {
    let Some(file) = state.file("tls.pem") else { return Ok(None) };
    let Some(text) = files::read(&file)? else { return Ok(None) };
    let server = parse(&text, &text).map_err(|error| Failure::new(file.display(), error))?;
    Ok(server.into_iter().find(|server| {
        is_made_by(&server.certificate, &authority.certificate)
            && names_host(&server.certificate, host)
            && now < end_of(&server.certificate) - RENEWAL
    }))
}

/// Makes the server's own certificate.
pub(super) fn make_server(
    state: &State,
    host: &str,
    authority: &Identity,
    now: Timestamp,
) -> Result<Identity, Failure> {
    let failed = |error: rcgen::Error| Failure::new(format!("a certificate for {host}"), error);
    let mut names = vec![host.to_owned(), "localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if names[1..].contains(&names[0]) {
        names.remove(0);
    }
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = sign(authority, host, names, &key, now).map_err(failed)?;
    if let Some(file) = state.file("tls.pem") {
        files::write_private(&file, &format!("{}{}", certificate_pem(&certificate), key.serialize_pem()))?;
    }
    Ok(Identity { certificate, key })
}

/// Signs for these names. Whether the authority may is the caller's business.
pub(super) fn sign(
    authority: &Identity,
    host: &str,
    names: Vec<String>,
    key: &KeyPair,
    now: Timestamp,
) -> Result<CertificateDer<'static>, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = name(host);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    lasting(&mut params, now, SERVER_LIFETIME);
    let issuer = Issuer::from_ca_cert_der(&authority.certificate, &authority.key)?;
    Ok(params.signed_by(key, &issuer)?.der().clone())
}

fn permitted(host: &str) -> Vec<GeneralSubtree> {
    let mut names: Vec<GeneralSubtree> =
        LOCAL_NAMES.iter().map(|name| GeneralSubtree::DnsName((*name).to_owned())).collect();
    names.extend([GeneralSubtree::IpAddress(LOCAL_IPV4), GeneralSubtree::IpAddress(LOCAL_IPV6)]);
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            names.push(GeneralSubtree::IpAddress(CidrSubnet::V4(address.octets(), [255; 4])));
        }
        Ok(IpAddr::V6(address)) => {
            names.push(GeneralSubtree::IpAddress(CidrSubnet::V6(address.octets(), [255; 16])));
        }
        Err(_) => names.push(GeneralSubtree::DnsName(host.to_owned())),
    }
    names
}

/// Whether the authority is confined to names, and this is one of them.
pub(super) fn may_sign_for(authority: &CertificateDer<'_>, host: &str) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(authority) else { return false };
    let address: Option<IpAddr> = host.parse().ok();
    let covers = |name: &GeneralName<'_>| match (name, address) {
        (GeneralName::DNSName(name), None) => is_at_or_below(host, name),
        (GeneralName::IPAddress(network), Some(address)) => is_within(address, network),
        _ => false,
    };
    parsed.extensions().iter().any(|extension| match extension.parsed_extension() {
        ParsedExtension::NameConstraints(names) if extension.critical => {
            names.permitted_subtrees.iter().flatten().any(|subtree| covers(&subtree.base))
        }
        _ => false,
    })
}

/// Whether a name is this one or stands below it.
fn is_at_or_below(host: &str, name: &str) -> bool {
    host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Whether an address is of a network, which is written as its address and its mask (RFC 5280 §4.2.1.10).
fn is_within(address: IpAddr, network: &[u8]) -> bool {
    let octets = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let (base, mask) = network.split_at(network.len() / 2);
    base.len() == octets.len()
        && octets.iter().zip(base).zip(mask).all(|((octet, base), mask)| octet & mask == base & mask)
}

/// Reads a certificate and its key. A pair that does not belong together, as after a crash between the two writes, is none.
fn parse(certificate: &str, key: &str) -> Result<Option<Identity>, Failure> {
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes())
        .map_err(|error| Failure::new("no readable certificate", error))?;
    let key = KeyPair::from_pem(&key[key.find("-----BEGIN PRIVATE KEY").unwrap_or_default()..])
        .map_err(|error| Failure::new("no readable private key", error))?;
    let (_, parsed) = X509Certificate::from_der(&certificate).map_err(|error| Failure::new("no certificate", error))?;
    let belong_together = parsed.public_key().subject_public_key.data.as_ref() == key.public_key_raw();
    Ok(belong_together.then_some(Identity { certificate, key }))
}

fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "aught");
    // X.520 allows 64 characters; the host stands in the alternative names anyway.
    name.push(DnType::CommonName, common_name.chars().take(64).collect::<String>());
    name
}

/// Valid from yesterday, so that a client whose clock is a little late accepts it too.
fn lasting(params: &mut CertificateParams, now: Timestamp, lifetime: Duration) {
    let date = |time: Timestamp| {
        OffsetDateTime::from_unix_timestamp(time.seconds()).expect("a clock shows years that certificates can name")
    };
    params.not_before = date(now - DAY);
    params.not_after = date(now + lifetime);
}

/// A certificate as PEM.
pub(super) fn certificate_pem(certificate: &CertificateDer<'_>) -> String {
    pem::encode_config(
        &pem::Pem::new("CERTIFICATE", certificate.as_ref()),
        pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF),
    )
}

/// When a certificate ends.
pub(super) fn end_of(certificate: &CertificateDer<'_>) -> Timestamp {
    let parsed = X509Certificate::from_der(certificate);
    parsed.map_or(Timestamp::EPOCH, |(_, parsed)| Timestamp::from_seconds(parsed.validity().not_after.timestamp()))
}

fn is_made_by(certificate: &CertificateDer<'_>, authority: &CertificateDer<'_>) -> bool {
    match (X509Certificate::from_der(certificate), X509Certificate::from_der(authority)) {
        (Ok((_, certificate)), Ok((_, authority))) => {
            certificate.verify_signature(Some(authority.public_key())).is_ok()
        }
        _ => false,
    }
}
