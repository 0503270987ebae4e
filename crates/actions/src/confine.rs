//! What the kernel denies a worker, whatever its JavaScript manages to do: sockets, signals to other processes, tracing, files, and
//! the rights of the superuser.

use std::path::PathBuf;

/// Where a worker may read, beside what starting a program needs.
pub(crate) struct Confinement {
    /// Programs that may be executed, with their libraries.
    pub programs: Vec<PathBuf>,
    /// Directories and files that may be read.
    pub readable: Vec<PathBuf>,
}

#[cfg(target_os = "linux")]
pub(crate) use linux::confine_thread;

/// Whether the kernel can hide files from workers: a thread that ends at once has tried it.
#[cfg(target_os = "linux")]
pub(crate) fn hides_files() -> bool {
    std::thread::spawn(linux::hides_files).join().unwrap_or(false)
}

/// Other systems have nothing like it that a thread may ask for itself.
#[cfg(not(target_os = "linux"))]
pub(crate) fn hides_files() -> bool {
    false
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{collections::BTreeMap, io, path::PathBuf};

    use landlock::{
        ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, RestrictionStatus, Ruleset, RulesetAttr,
        RulesetCreatedAttr, RulesetStatus,
    };
    use rustix::thread::{CapabilitySet, CapabilitySets, remove_capability_from_bounding_set, set_capabilities};
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, SeccompRule, TargetArch};

    use super::Confinement;

    /// Confines the calling thread, and with it every process that it starts, for good.
    pub(crate) fn confine_thread(confinement: &Confinement) -> io::Result<()> {
        restrict_files(confinement).map_err(io::Error::other)?;
        seccompiler::apply_filter(&filter().map_err(io::Error::other)?).map_err(io::Error::other)?;
        drop_capabilities()
    }

    /// Tries to hide all files from the calling thread.
    pub(super) fn hides_files() -> bool {
        let nothing = Confinement { programs: Vec::new(), readable: Vec::new() };
        restrict_files(&nothing).is_ok_and(|status| status.ruleset != RulesetStatus::NotEnforced)
    }

    /// A server that runs as root has workers without root's rights. They do not come back with a new program, since the filter
    /// before this has said that no program gains any.
    fn drop_capabilities() -> io::Result<()> {
        for bit in 0..u64::BITS {
            // Only root may narrow this bound, and only root needs it narrowed; numbers that the kernel does not know are refused.
            let _ = remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << bit));
        }
        let none = CapabilitySet::empty();
        set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
        Ok(())
    }

    /// Files are hidden where the kernel can do that; elsewhere the engines alone do. Nothing below `/proc` is shown: a rule for
    /// `/proc/self` would be one for the server's own entries, which is who makes it.
    fn restrict_files(confinement: &Confinement) -> Result<RestrictionStatus, landlock::RulesetError> {
        let read = AccessFs::from_read(ABI::V1);
        let mut rules = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(ABI::V5))?
            .create()?;
        let system =
            ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/nix/store", "/usr/share/zoneinfo"];
        let system = system.map(PathBuf::from);
        // A program that was not installed by the system has its libraries beside it: `bin/node`, `lib`.
        let beside = confinement.programs.iter().filter_map(|program| Some(program.parent()?.parent()?.join("lib")));
        for path in confinement.programs.iter().cloned().chain(beside).chain(system) {
            if let Ok(file) = PathFd::new(&path) {
                let allowed = if path.is_dir() { read } else { AccessFs::Execute | AccessFs::ReadFile };
                rules = rules.add_rule(PathBeneath::new(file, allowed))?;
            }
        }
        let system = ["/etc/ld.so.cache", "/etc/localtime", "/etc/ssl/openssl.cnf", "/dev/urandom"];
        for path in confinement.readable.iter().chain(&system.map(Into::into)) {
            if let Ok(file) = PathFd::new(path) {
                let allowed =
                    if path.is_dir() { AccessFs::ReadFile | AccessFs::ReadDir } else { AccessFs::ReadFile.into() };
                rules = rules.add_rule(PathBeneath::new(file, allowed))?;
            }
        }
        if let Ok(file) = PathFd::new("/dev/null") {
            rules = rules.add_rule(PathBeneath::new(file, AccessFs::ReadFile | AccessFs::WriteFile))?;
        }
        rules.restrict_self()
    }

    /// Denies the system calls that no JavaScript of tenants needs.
    fn filter() -> Result<BpfProgram, seccompiler::BackendError> {
        const DENIED: [libc::c_long; 33] = [
            libc::SYS_socket,
            libc::SYS_socketpair,
            libc::SYS_connect,
            libc::SYS_bind,
            libc::SYS_listen,
            libc::SYS_accept,
            libc::SYS_accept4,
            libc::SYS_kill,
            libc::SYS_tkill,
            libc::SYS_rt_sigqueueinfo,
            libc::SYS_pidfd_send_signal,
            libc::SYS_pidfd_getfd,
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_process_vm_writev,
            libc::SYS_io_uring_setup,
            libc::SYS_bpf,
            libc::SYS_perf_event_open,
            libc::SYS_userfaultfd,
            libc::SYS_keyctl,
            libc::SYS_add_key,
            libc::SYS_request_key,
            libc::SYS_mount,
            libc::SYS_umount2,
            libc::SYS_pivot_root,
            libc::SYS_chroot,
            libc::SYS_setns,
            libc::SYS_unshare,
            libc::SYS_init_module,
            libc::SYS_finit_module,
            libc::SYS_kexec_load,
            libc::SYS_reboot,
            libc::SYS_swapon,
        ];
        let rules: BTreeMap<i64, Vec<SeccompRule>> = DENIED.into_iter().map(|call| (call, Vec::new())).collect();
        let denied = SeccompAction::Errno(libc::EACCES.unsigned_abs());
        let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
        SeccompFilter::new(rules, SeccompAction::Allow, denied, architecture)?.try_into()
    }
}

/// Other systems have nothing like it that a thread may ask for itself; there the engines' own guards stand alone.
#[cfg(not(target_os = "linux"))]
pub(crate) fn confine_thread(_: &Confinement) -> std::io::Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{fs, io::ErrorKind, net::TcpListener, os::unix::net::UnixListener, thread};

    use super::*;

    #[test]
    fn a_confined_thread_reaches_neither_network_nor_files_and_has_no_rights_of_root() {
        let confined = thread::spawn(|| {
            confine_thread(&Confinement { programs: Vec::new(), readable: Vec::new() })
                .expect("the kernel has seccomp");
            let bound = TcpListener::bind("127.0.0.1:0").err().map(|error| error.kind());
            let local = UnixListener::bind("/tmp/aught-confined").err().map(|error| error.kind());
            let rights = rustix::thread::capabilities(None).expect("they can be read");
            let environment = fs::read("/proc/self/environ").is_ok();
            let can_read = fs::read("/etc/passwd").is_ok();
            (bound, local, can_read, fs::write("/tmp/aught-confined", "x").is_ok(), environment, rights)
        });
        let (bound, local, can_read, can_write, environment, rights) = confined.join().expect("it does not panic");
        assert!(rights.permitted.is_empty() && rights.effective.is_empty(), "{rights:?}");
        assert_eq!((can_read, environment), (!hides_files(), !hides_files()));
        assert_eq!((bound, local), (Some(ErrorKind::PermissionDenied), Some(ErrorKind::PermissionDenied)));
        // Kernels without Landlock leave files to the engines.
        assert_eq!(can_read, can_write);
    }
}
