#!/usr/bin/env bash
# Boots a small Debian with a systemd of its own in a container, runs one program in it as
# root, and ends with that program's exit status. Needs root; nothing of it stays behind.
#
#   lab.sh build ROOT                     makes the Debian, once (half a minute)
#   lab.sh run ROOT TREE PROGRAM OUTPUT   boots it with the files of TREE laid over it and
#                                         PROGRAM running in it; what that printed goes to
#                                         OUTPUT
#
# ROOT stays as it was built: it boots on an overlay in memory, with a network of its own.
# Exit status of its own: 69 something is missing here, 70 it could not be built or booted.
# LAB_SECONDS (180) is how long PROGRAM may take, LAB_MIRROR where Debian comes from.
#
# Accepted in there but without effect: MemoryMax=, TasksMax=, CPUQuota=.
set -eu

readonly name=clerk-tokend-lab-$$
readonly seconds=${LAB_SECONDS:-180}
# What the package depends on, and what the tests in there use.
readonly packages=systemd,systemd-sysv,dbus,procps,ca-certificates,sqlite3,libcurl4,libjansson4,libconfig9,libsodium23,libnettle8,libmicrohttpd12
scratch=''

die() { # STATUS TEXT
	printf 'lab: %s\n' "$2" >&2
	exit "$1"
}

need() {
	local program
	[ "$(id -u)" = 0 ] || die 69 'needs root'
	for program; do
		command -v "$program" >/dev/null || die 69 "$program is not installed (scripts/setup --all)"
	done
}

mirror() {
	# shellcheck disable=SC2016 # apt's own variable
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' |
		grep -v security | sort -u | head -n 1
}

build() { # ROOT
	local root=$1
	[ "$(cat "$root/.complete" 2>/dev/null)" != "$packages" ] || return 0
	need mmdebstrap
	rm -rf "$root"
	mkdir -p "$root"
	# shellcheck disable=SC2016 # $1 is for the hook
	mmdebstrap --quiet --mode=root --variant=minbase --include="$packages" \
		--aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
		--dpkgopt=force-unsafe-io \
		--customize-hook='cd "$1" && : >etc/machine-id && echo lab >etc/hostname &&
			ln -sf /lib/systemd/system/multi-user.target etc/systemd/system/default.target' \
		bookworm "$root" "${LAB_MIRROR:-$(mirror)}" </dev/null >&2 ||
		die 70 'mmdebstrap failed'
	echo "$packages" >"$root/.complete"
}

# The program is a service too, and its end is the end of the whole system.
write_service() {
	cat >"$scratch/lab.service" <<UNIT
[Unit]
Description=$name
After=dbus.service
SuccessAction=exit
FailureAction=exit
[Service]
Type=oneshot
TimeoutStartSec=$seconds
ExecStart=/bin/sh -c 'cp -a /mnt/tree/. / && systemctl daemon-reload && exec /mnt/program'
StandardOutput=file:/mnt/out/log
StandardError=file:/mnt/out/log
UNIT
}

# Our own place in each tree of control groups that there is, for systemd to build on.
enter_cgroup() {
	local tree
	for tree in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
		[ -f "$tree/cgroup.procs" ] || continue
		{ mkdir -p "$tree/$name" && echo "$BASHPID" >"$tree/$name/cgroup.procs"; } 2>/dev/null || true
	done
}

clean_up() {
	local tree
	[ -z "$scratch" ] || rm -rf "$scratch"
	for tree in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
		[ ! -d "$tree/$name" ] || find "$tree/$name" -depth -type d -exec rmdir {} \; 2>/dev/null || true
	done
	rmdir "/run/systemd/nspawn/propagate/$name" 2>/dev/null || true
}

boot() { # ROOT TREE PROGRAM
	local -a more=()
	# IPAddressDeny= is a BPF program; without this capability it is silently off.
	if ((0x$(sed -n 's/^CapBnd:\t//p' /proc/self/status) >> 39 & 1)); then
		more=(--capability=CAP_BPF --system-call-filter=bpf)
	fi
	enter_cgroup
	# --register=no --keep-unit: nobody out here need run systemd.
	exec timeout -k 10 "$((seconds + 60))" systemd-nspawn --quiet --register=no --keep-unit --boot \
		--directory="$1" --machine="$name" --hostname=lab --volatile=overlay \
		--private-network --resolv-conf=off --timezone=off --link-journal=no --console=read-only \
		--bind-ro="$2:/mnt/tree" --bind-ro="$3:/mnt/program" --bind="$scratch/out:/mnt/out" \
		--bind-ro="$scratch/lab.service:/etc/systemd/system/lab.service" \
		"${more[@]}" -- systemd.show_status=0 systemd.wants=lab.service
}

run() { # ROOT TREE PROGRAM OUTPUT
	local status=0
	need systemd-nspawn
	[ -e "$1/.complete" ] || die 64 "$1 is not built"
	trap clean_up EXIT
	trap 'exit 143' TERM INT HUP
	scratch=$(mktemp -d)
	mkdir "$scratch/out"
	write_service
	(boot "$1" "$(realpath "$2")" "$(realpath "$3")") </dev/null >"$scratch/console" 2>&1 || status=$?
	if [ ! -e "$scratch/out/log" ]; then
		tail -n 20 "$scratch/console" >&2
		die 70 "the container did not get as far as the program (status $status)"
	fi
	cp "$scratch/out/log" "$4"
	return "$status"
}

case ${1:-}:$# in
build:2) build "$2" ;;
run:5) run "$2" "$3" "$4" "$5" ;;
*)
	sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "$0" >&2
	exit 64
	;;
esac
