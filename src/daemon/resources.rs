//! The limits of connections and body memory that fit into the memory and the descriptors of the process.
//!
//! ```text
//! bodies and header sections = the smaller of 256 MiB and a quarter of the memory
//! connections                = the smallest of max_connections, (memory - bodies) / 64 KiB, and descriptors - reserve
//! reserve                    = the smaller of 512 and half of the descriptors
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use rustix::system::sysinfo;

use crate::live::Limits;
use crate::quantity::ByteSize;

/// The memory for the bodies and header sections of all deliveries that are being received or written, at most. Above
/// it, senders get 503.
const BODY_BYTES_MAX: u64 = 256 << 20;
/// The memory of one connection: about 31 KiB if it is idle, more during the handshake and while it has a request, and
/// that of the kernel for its socket.
const CONNECTION_BYTES: u64 = 64 << 10;
/// The descriptors that are not available to connections: those of the spool (at most 256 for a batch), the admin
/// listener (at most 64 connections), listeners, logs, and files that a reload reads.
const RESERVED_DESCRIPTORS: u64 = 512;

/// The memory that the process may use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Memory {
    /// In bytes.
    pub bytes: u64,
    /// What limits it.
    pub limited_by: String,
}

impl Memory {
    fn for_bodies(&self) -> u64 {
        BODY_BYTES_MAX.min(self.bytes / 4)
    }
}

/// What fits into the memory and the descriptors of the process. The default is no limit.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Capacity {
    /// The memory; `None` if it is not known.
    pub memory: Option<Memory>,
    /// The open file limit; `None` if there is none.
    pub descriptors: Option<u64>,
}

impl Capacity {
    /// The memory for bodies and header sections, in bytes.
    pub fn body_bytes(&self) -> usize {
        size(self.memory.as_ref().map_or(BODY_BYTES_MAX, Memory::for_bodies))
    }

    /// The connections that the memory holds beside the bodies; at least 1.
    pub fn connections_in_memory(&self) -> usize {
        self.memory
            .as_ref()
            .map_or(usize::MAX, |memory| size((memory.bytes - memory.for_bodies()) / CONNECTION_BYTES).max(1))
    }

    /// The connections for which there are descriptors beside the reserve; at least 1.
    pub fn connections_in_descriptors(&self) -> usize {
        self.descriptors.map_or(usize::MAX, |limit| size(limit - RESERVED_DESCRIPTORS.min(limit / 2)).max(1))
    }

    /// Lowers `max_connections` to what fits, and logs that.
    pub(super) fn fit(&self, limits: Limits) -> Limits {
        let configured = limits.max_connections;
        let (in_memory, in_descriptors) = (self.connections_in_memory(), self.connections_in_descriptors());
        let max_connections = configured.min(in_memory).min(in_descriptors);
        if let Some(memory) = self.memory.as_ref().filter(|_| in_memory < configured) {
            tracing::warn!(
                memory = %ByteSize(memory.bytes),
                limited_by = memory.limited_by,
                body_bytes = self.body_bytes(),
                configured,
                in_memory,
                max_connections,
                "limits lowered to fit the memory; raise MemoryMax or lower [server] max_connections"
            );
        }
        if let Some(allowed) = self.descriptors.filter(|_| in_descriptors < configured) {
            tracing::warn!(
                allowed,
                configured,
                max_connections,
                "open file limit below [server] max_connections; raise LimitNOFILE or lower max_connections"
            );
        }
        Limits { max_connections, ..limits }
    }

    /// Logs the memory for bodies if it is lowered although the connections fit.
    pub(super) fn log_bodies(&self, configured: usize) {
        if let Some(memory) = &self.memory
            && self.connections_in_memory() >= configured
            && memory.for_bodies() < BODY_BYTES_MAX
        {
            let (limit, limited_by) = (ByteSize(memory.bytes), &memory.limited_by);
            tracing::info!(memory = %limit, limited_by, body_bytes = self.body_bytes(), "body memory lowered to a quarter of the memory");
        }
    }
}

/// The memory that this process may use: the lowest limit of its cgroup and of those above it, or else the memory of the
/// machine. Must be called before the process is restricted.
pub fn available_memory() -> Option<Memory> {
    let machine = sysinfo();
    let machine = machine.totalram.saturating_mul(u64::from(machine.mem_unit));
    let machine = Memory { bytes: machine, limited_by: "the memory of the machine".to_owned() };
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let cgroup = limit_of_cgroup(&own, |path| fs::read_to_string(path).ok());
    cgroup.into_iter().chain([machine]).filter(|memory| memory.bytes > 0).min_by_key(|memory| memory.bytes)
}

/// The lowest limit of the cgroups in the text of `/proc/self/cgroup`, of version 2 and 1. In a container, the path may
/// be that on the host, of which only the root is visible.
fn limit_of_cgroup(own: &str, read: impl Fn(&Path) -> Option<String>) -> Option<Memory> {
    let files = own.lines().flat_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next().unwrap_or_default(), fields.next().unwrap_or("/"));
        let (roots, file): (&[_], _) = if controllers.is_empty() {
            (&["/sys/fs/cgroup", "/sys/fs/cgroup/unified"], "memory.max")
        } else if controllers.split(',').any(|controller| controller == "memory") {
            (&["/sys/fs/cgroup/memory"], "memory.limit_in_bytes")
        } else {
            (&[], "")
        };
        let folders = Path::new(path).ancestors().map(|folder| folder.strip_prefix("/").unwrap_or(folder));
        folders.flat_map(move |folder| roots.iter().map(move |root| Path::new(root).join(folder).join(file)))
    });
    let limit = |file: PathBuf| {
        // `max` means no limit.
        let bytes = read(&file)?.trim().parse().ok()?;
        Some(Memory { bytes, limited_by: file.display().to_string() })
    };
    files.filter_map(limit).min_by_key(|memory| memory.bytes)
}

fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn capacity(memory: Option<u64>, descriptors: Option<u64>) -> Capacity {
        let memory = memory.map(|bytes| Memory { bytes, limited_by: String::new() });
        Capacity { memory, descriptors }
    }

    proptest! {
        #[test]
        fn bodies_and_connections_fit_into_the_memory_and_grow_with_it(
            memory in 1 << 17..1_u64 << 42,
            more in 0..1_u64 << 32,
        ) {
            let less = capacity(Some(memory), None);
            let bodies = u64::try_from(less.body_bytes()).unwrap();
            let connections = u64::try_from(less.connections_in_memory()).unwrap();
            prop_assert!(bodies <= memory / 4 && bodies <= BODY_BYTES_MAX);
            prop_assert!(bodies + connections * CONNECTION_BYTES <= memory);
            prop_assert!(bodies + (connections + 1) * CONNECTION_BYTES > memory, "the memory is used");
            let more = capacity(Some(memory + more), None);
            prop_assert!(more.body_bytes() >= less.body_bytes());
            prop_assert!(more.connections_in_memory() >= less.connections_in_memory());
        }

        #[test]
        fn descriptors_are_left_for_the_spool_and_the_admin_listener(limit in 2..1_u64 << 20) {
            let connections = u64::try_from(capacity(None, Some(limit)).connections_in_descriptors()).unwrap();
            prop_assert!(connections >= 1 && limit - connections >= RESERVED_DESCRIPTORS.min(limit / 2));
        }

        #[test]
        fn no_text_of_proc_panics(text in "([0-9]{1,2}:[a-z,=]{0,9}:[/.a-z]{0,20}\n?|.{0,30}\n){0,5}") {
            let _ = limit_of_cgroup(&text, |_| Some("1".to_owned()));
        }
    }

    #[test]
    fn small_memory_is_shared_and_unlimited_resources_change_nothing() {
        let small = capacity(Some(200 << 20), None);
        assert_eq!((small.body_bytes(), small.connections_in_memory()), (50 << 20, 2400));
        let none = Capacity::default();
        assert_eq!((none.body_bytes(), none.connections_in_memory()), (256 << 20, usize::MAX));
        assert_eq!(capacity(None, Some(256)).connections_in_descriptors(), 128);
        assert_eq!(capacity(None, Some(20_000)).connections_in_descriptors(), 19_488);
        let zero = capacity(Some(0), Some(0));
        assert_eq!((zero.connections_in_memory(), zero.connections_in_descriptors()), (1, 1));
    }

    #[test]
    fn the_unit_permits_exactly_the_memory_that_the_default_limits_need() {
        let unit = include_str!("../../systemd/hookspool.service");
        assert!(unit.contains("\nMemoryMax=1G\n"));
        let (enough, less) = (capacity(Some(1 << 30), None), capacity(Some((1 << 30) - 4), None));
        assert!(enough.body_bytes() == 256 << 20 && enough.connections_in_memory() >= 8192);
        assert!(less.body_bytes() < 256 << 20);
    }

    #[test]
    fn the_lowest_limit_of_the_cgroup_and_those_above_it_counts() {
        let files = |path: &Path| {
            let text = match path.to_str()? {
                "/sys/fs/cgroup/system.slice/hookspool.service/memory.max" => "max\n",
                "/sys/fs/cgroup/system.slice/memory.max" => "1073741824\n",
                "/sys/fs/cgroup/memory.max" => "2147483648\n",
                "/sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes" => "9223372036854771712\n",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes" => "209715200\n",
                _ => return None,
            };
            Some(text.to_owned())
        };
        let limit = |own: &str| limit_of_cgroup(own, files).map(|memory| (memory.bytes, memory.limited_by));
        let found = |bytes, file: &str| Some((bytes, file.to_owned()));
        let slice = found(1 << 30, "/sys/fs/cgroup/system.slice/memory.max");
        assert_eq!(limit("0::/system.slice/hookspool.service\n"), slice);
        assert_eq!(limit("0::/\n"), found(2 << 30, "/sys/fs/cgroup/memory.max"));
        let version_1 = found(200 << 20, "/sys/fs/cgroup/memory/memory.limit_in_bytes");
        assert_eq!(limit("5:cpu,memory:/docker/x\n2:devices:/docker/x\n"), version_1);
        assert_eq!(limit("2:devices:/docker/x\n"), None);
    }
}
