# shellcheck shell=bash
# Sourced by deploy/install.sh: the updater's own environment, outside the releases, and its trust anchor.

readonly updater_home=$prefix/updater
readonly updater_units=(packshot-update-watch.path packshot-update-request.path packshot-update.timer)

# Builds the environment where this checkout's is not there, and switches to it; without its wheels, says so.
lay_updater() {
  local updater_stamp slot target
  [ -z "$update_root" ] || put "$update_root" /etc/packshot/update/root.json || true
  updater_stamp=$({ echo "$stamp" && cat "$here/locks/updater.txt"; } | sha256sum | cut -d' ' -f1)
  slot=$(grep -lsx "$updater_stamp" "$updater_home"/releases/*/.complete | head -n1) || true
  if [ -z "$slot" ]; then
    target=$updater_home/releases/$(package_version)
    [ ! -e "$target" ] || target+=+${updater_stamp:0:8}
    changed "build $target" || return 0
    fetch_wheels
    if ! compgen -G "$wheelhouse/tuf-*.whl" >/dev/null; then
      say "the wheelhouse has no tuf: no updater is installed, \`packshot update\` will not work"
      return 0
    fi
    build_updater "$target" "$updater_stamp" # without `||` or `if`: they would let its steps fail unheard
  elif [ ! -e "$updater_home/current" ] || [ -e "$updater_home/.unswitched" ]; then
    if changed "switch to ${slot%/.complete}"; then switch_updater "$(basename "${slot%/.complete}")"; fi
  fi
  put "$here/update/run" "$updater_home/run" || true
  act chmod 0755 "$updater_home/run" # always: the last run may have ended between the two
}

build_updater() {
  local target=$1 mark=$2
  rm -rf "$target"
  python3 -m venv "$target"
  pip_from_wheelhouse "$target" --no-deps -r "$here/locks/updater.txt"
  wheel_requirement >"$work/updater.txt"
  pip_from_wheelhouse "$target" --no-deps -r "$work/updater.txt"
  sync -f "$target"
  : >"$updater_home/.unswitched" # a run that is cut off from here on is finished by the next
  sync "$updater_home/.unswitched" "$updater_home"
  echo "$mark" >"$target/.complete" # last: one without it is not used
  sync "$target/.complete" "$target"
  switch_updater "${target##*/}"
}

switch_updater() {
  local current=''
  [ ! -e "$updater_home/current" ] || current=$(readlink "$updater_home/current")
  if [ -n "$current" ] && [ "$current" != "releases/$1" ]; then
    ln -sfn "$(readlink "$updater_home/current")" "$updater_home/.previous.new"
    mv -T "$updater_home/.previous.new" "$updater_home/previous"
  fi
  ln -sfn "releases/$1" "$updater_home/.current.new"
  mv -T "$updater_home/.current.new" "$updater_home/current"
  sync "$updater_home"
  rm -f "$updater_home/.unswitched"
}

# What the updater reads of a slot: what lies there, and the files outside it that belong to it.
describe_slot() {
  local target=$1 folder file flavour=''
  [ "$lock" = runtime ] || flavour=-${lock#*-}
  printf '{"v": 1, "version": "%s", "sequence": 0, "platform": "%s-cp%s%s", "manifest_sha256": ""}\n' "$(package_version)" \
    "$(uname -m)" "$(python3 -c 'import sys; print("%d%d" % sys.version_info[:2])')" "$flavour" >"$target/release.json"
  for folder in systemd udev sysusers.d tmpfiles.d; do
    install -d "$target/deploy/$folder"
    install -m 0644 "$here/$folder"/*packshot* "$target/deploy/$folder/"
  done
  for file in "$here"/update/packshot-*; do install -m 0644 "$file" "$target/deploy/systemd/"; done
}
