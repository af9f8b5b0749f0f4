#!/usr/bin/env bash
# Install packshot on this machine, or take it away again. Run as root; run it as often as you like.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: deploy/install.sh [--wheelhouse DIR] [--uploader] [--update-root FILE] [--system-site-packages] [--dry-run]
       deploy/install.sh --uninstall [--purge] [--dry-run]

  --wheelhouse DIR         install from the wheels that deploy/wheelhouse put there; no network is used for Python
  --uploader               also run packshot-uploader here
  --update-root FILE       root.json of the repository of signed releases that this box is to trust
  --system-site-packages   let packshot see the Python packages of the system (default where the camera stack is apt's)
  --dry-run                say what would be done, do nothing
  --uninstall              remove everything but configuration and captures
  --purge                  with --uninstall: remove those too
TEXT
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here repository=${here%/*}
readonly prefix=/opt/packshot share=/usr/local/lib
readonly unfinished=/run/packshot-install # there from the first change until udev and the services have it, or a reboot
resumed='' dry='' uninstall='' purge='' uploader='' site='' wheelhouse='' work='' update_root='' stamp=''
changes=()
# shellcheck source-path=SCRIPTDIR source=update/lay.sh
. "$here/update/lay.sh"
readonly units=(packshot-kiosk.service packshotd.service packshot-uploader.service "${updater_units[@]}")

main() {
  parse_arguments "$@"
  [ -n "$dry" ] || [ "$(id -u)" -eq 0 ] || fail "run as root: sudo $0 $*"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  if [ -n "$uninstall" ]; then remove_all; else install_all; fi
  summary
}

parse_arguments() {
  while [ "$#" -gt 0 ]; do
    case $1 in
      --wheelhouse) wheelhouse=$(realpath -e "${2:?--wheelhouse needs a folder}") && shift ;;
      --uploader) uploader=yes ;;
      --update-root) update_root=$(realpath -e "${2:?--update-root needs a file}") && shift ;;
      --system-site-packages) site=yes ;;
      --dry-run) dry=yes ;;
      --uninstall) uninstall=yes ;;
      --purge) purge=yes ;;
      -h | --help) usage && exit 0 ;;
      *) usage >&2 && exit 2 ;;
    esac
    shift
  done
  [ -z "$purge" ] || [ -n "$uninstall" ] || fail "--purge belongs to --uninstall"
}

install_all() {
  detect_platform
  if [ -e "$unfinished" ]; then
    resumed=yes
    changed "finish what was cut off" || true
  fi
  apt_packages
  files
  slot
  lay_updater
  services
  act rm -f "$unfinished"
}

# --- What is this machine? -----------------------------------------------------------------------------------------

# Sets system (a name), lock (deploy/locks/), packages (apt), site (venv sees the system's packages).
detect_platform() {
  local codename id
  # shellcheck source=/dev/null
  id=$(. /etc/os-release && echo "$ID")
  # shellcheck source=/dev/null
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  lock=runtime packages=(python3-venv openssl ca-certificates)
  if [ -f /etc/nv_tegra_release ] && [ "$codename" = noble ]; then
    system="JetPack 7" site=yes packages+=(python3-gi gir1.2-gst-plugins-base-1.0 python3-systemd)
  elif [ -f /etc/rpi-issue ] && [[ $codename == @(bookworm|trixie) ]]; then
    system="Raspberry Pi OS $codename" site=yes packages+=(python3-picamera2 python3-systemd)
    [ "$codename" = trixie ] || lock=bookworm-camera
  elif [ "$id" = debian ] && [[ $codename == @(bookworm|trixie) ]]; then
    system="Debian $codename"
  else
    fail "this is $id $codename; packshot knows Debian 12 and 13, Raspberry Pi OS Bookworm and Trixie, JetPack 7"
  fi
  say "$system on $(uname -m)"
}

apt_packages() {
  local package missing=()
  for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  changed "install ${missing[*]} by apt" || return 0
  export DEBIAN_FRONTEND=noninteractive
  apt-get -q update >/dev/null
  apt-get install -q -y --no-install-recommends "${missing[@]}" >/dev/null
}

# --- Files outside the release ---------------------------------------------------------------------------------------

files() {
  local file
  for file in packshot.conf packshot-kiosk.conf; do
    put "$here/sysusers.d/$file" "$share/sysusers.d/$file" || true
    act systemd-sysusers "$file" # always: the last run may have ended between the two
  done
  for file in "$here"/systemd/packshot* "$here"/update/packshot*; do
    put "$file" "$share/systemd/system/${file##*/}" || true
  done
  if put "$here/udev/70-packshot.rules" "$share/udev/rules.d/70-packshot.rules" || [ -n "$resumed" ]; then
    reload_udev
  fi
  if [ ! -e /etc/packshot/packshot.toml ]; then # the operator's from then on
    put "$here/etc/packshot.toml" /etc/packshot/packshot.toml || true
  fi
  put "$here/tmpfiles.d/packshot.conf" "$share/tmpfiles.d/packshot.conf" || true
  act systemd-tmpfiles --create packshot.conf
}

# Copies a file where it differs, whole or not at all; true if it did. The `if` or `||` of whoever asks switches
# `set -e` off in here.
put() {
  ! cmp -s "$1" "$2" || return 1
  changed "write $2" || return 0
  { install -D -m 0644 "$1" "$2.new" && sync "$2.new" && mv -T "$2.new" "$2"; } || fail "$2 cannot be written"
}

reload_udev() {
  [ -d /run/udev ] || return 0
  act udevadm control --reload
  act udevadm trigger --subsystem-match=usb --subsystem-match=gpio --subsystem-match=apex
}

# --- The release: a virtual environment of its own, switched to by renaming a symlink ----------------------------------

slot() {
  local version target
  stamp=$(slot_stamp)
  target=$(find_slot "$stamp")
  if [ -z "$target" ]; then
    version=$(package_version)
    target=$prefix/releases/$version
    [ ! -e "$target/.complete" ] || target+=+${stamp:0:8} # the same version built anew: never touch what runs
    changed "build $target" || return 0
    build_slot "$target"
  fi
  if [ "$(readlink "$prefix/current" 2>/dev/null)" != "releases/${target##*/}" ]; then
    changed "switch $prefix/current to ${target##*/}" || return 0
    switch_to "$target"
  fi
  link_command
}

package_version() { sed -n 's/^__version__ = "\(.*\)"/\1/p' "$repository/service/packshot/__init__.py"; }

# What the slot is made of: sources or wheel, lock, interpreter, whether it sees the system's packages.
slot_stamp() {
  {
    if [ -n "$wheelhouse" ]; then cat "$wheelhouse"/packshot-*.whl; else source_files; fi
    cat "$here/locks/$lock.txt" "$here"/{systemd,update,udev,sysusers.d,tmpfiles.d}/*packshot*
    python3 -V
    echo "site=$site"
  } | sha256sum | cut -d' ' -f1
}

source_files() {
  cd "$repository"
  find pyproject.toml service/packshot models/released -type f -not -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum
}

find_slot() {
  local marker
  for marker in "$prefix"/releases/*/.complete; do
    if [ "$(cat "$marker" 2>/dev/null)" = "$1" ]; then
      dirname "$marker"
      return
    fi
  done
}

build_slot() {
  local target=$1 golden
  fetch_wheels
  say "building $target"
  rm -rf "$target"
  python3 -m venv ${site:+--system-site-packages} "$target"
  { cat "$here/locks/$lock.txt" && wheel_requirement; } >"$work/requirements.txt"
  pip_from_wheelhouse "$target" -r "$work/requirements.txt"
  describe_slot "$target"
  golden=$("$target/bin/python" -c 'from packshot.platform.resources import package_path as p; print(p("samples"))')
  "$target/bin/packshot" cut "$golden/2-carton.jpg" -o "$work/cut" || fail "$target cannot cut out the golden photo"
  sync -f "$target"
  echo "$stamp" >"$target/.complete" # last: a slot without it is not used
  sync "$target/.complete" "$target"
}

fetch_wheels() {
  [ -z "$wheelhouse" ] || return 0
  say "fetching wheels"
  wheelhouse=$work/wheelhouse
  "$here/wheelhouse" "$wheelhouse" "$lock"
}

wheel_requirement() {
  local wheel
  wheel=$(echo "$wheelhouse"/packshot-*.whl)
  echo "$wheel --hash=sha256:$(sha256sum "$wheel" | cut -d' ' -f1)"
}

# pip_from_wheelhouse ENVIRONMENT ARGUMENT...
pip_from_wheelhouse() {
  "$1/bin/pip" install -q --disable-pip-version-check --no-index --find-links "$wheelhouse" --require-hashes "${@:2}"
}

switch_to() {
  ln -sfn "releases/${1##*/}" "$prefix/.current.new"
  mv -T "$prefix/.current.new" "$prefix/current"
  sync "$prefix"
}

link_command() {
  if [ "$(readlink /usr/local/bin/packshot 2>/dev/null)" != "$prefix/current/bin/packshot" ]; then
    changed "link /usr/local/bin/packshot" || return 0
    ln -sfn "$prefix/current/bin/packshot" /usr/local/bin/packshot
  fi
}

# --- Services ----------------------------------------------------------------------------------------------------------

services() {
  local wanted=(packshot.target packshotd.service ${uploader:+packshot-uploader.service}) unit
  [ ! -e "$updater_home/run" ] || wanted+=("${updater_units[@]}")
  for unit in "${wanted[@]}"; do
    if [ "$(systemctl is-enabled "$unit" 2>/dev/null)" != enabled ]; then
      if changed "enable $unit"; then systemctl -q enable "$unit"; fi
    fi
  done
  [ -z "$dry" ] || return 0
  if [ ! -d /run/systemd/system ]; then
    say "systemd does not run here; the units start at the next boot"
    return
  fi
  if [ "${#changes[@]}" -eq 0 ]; then
    systemctl start "${wanted[@]}"
    return
  fi
  systemctl daemon-reload
  for unit in "${wanted[@]:1}"; do
    say "starting $unit"
    systemctl restart "$unit" || fail "$unit does not start; see: journalctl -u $unit"
  done
  systemctl start packshot.target
}

# --- Away with it ------------------------------------------------------------------------------------------------------

remove_all() {
  local unit
  for unit in packshot.target "${units[@]}"; do
    if systemctl -q is-enabled "$unit" 2>/dev/null || systemctl -q is-active "$unit" 2>/dev/null; then
      if changed "stop and disable $unit"; then
        systemctl -q disable --now "$unit" 2>/dev/null || systemctl -q disable "$unit"
      fi
    fi
  done
  delete "$share"/systemd/system/packshot* "$share"/udev/rules.d/70-packshot.rules* "$share"/sysusers.d/packshot* \
    "$share"/tmpfiles.d/packshot* /usr/local/bin/packshot "$prefix" "$unfinished"
  if [ -n "$purge" ]; then
    delete /etc/packshot /var/lib/packshot /var/lib/packshot-uploader /var/lib/packshot-updater \
      /var/lib/packshot-kiosk /var/lib/systemd/timers/stamp-packshot*
    remove_users
  else
    say "kept: /etc/packshot and the captures in /var/lib/packshot (--purge removes them)"
  fi
  if [ -z "$dry" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
}

delete() {
  local path
  for path in "$@"; do
    if [ -e "$path" ] || [ -L "$path" ]; then
      if changed "remove $path"; then rm -rf "$path"; fi
    fi
  done
}

remove_users() {
  local user
  for user in packshot packshot-uploader packshot-kiosk; do
    if getent passwd "$user" >/dev/null; then
      if changed "remove user $user"; then userdel "$user"; fi
    fi
  done
  if getent group packshot-config >/dev/null; then
    if changed "remove group packshot-config"; then groupdel packshot-config; fi
  fi
}

# --- Words -------------------------------------------------------------------------------------------------------------

say() { printf 'packshot install: %s\n' "$*"; }

fail() {
  printf 'packshot install: %s\n' "$*" >&2
  exit 1
}

# Notes a change and says it; false in a dry run, so that `changed "..." || return 0` skips the deed.
changed() {
  changes+=("$1")
  say "${dry:+would }$1"
  [ -z "$dry" ] || return 1
  [ -n "$uninstall" ] || : >"$unfinished" || fail "$unfinished cannot be written"
}

# Runs a command that is no change of its own.
act() { [ -n "$dry" ] || "$@"; }

summary() {
  case ${#changes[@]} in
    0) say "nothing to change" ;;
    1) say "1 ${dry:+planned }change" ;;
    *) say "${#changes[@]} ${dry:+planned }changes" ;;
  esac
}

main "$@"
