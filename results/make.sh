#!/usr/bin/env bash
# Makes the published runs again, each into a folder beside this file.
#
#     results/make.sh                                     all of them
#     results/make.sh bsd68 cbsd68                        some
#     EFFORT="--preset default" results/make.sh reference convolutional networks trained in full
#
# Each part is one `bench run`: what is finished is not measured twice, so that it can be stopped
# and go on. A run of several parts, of which networks have settings of their own, is joined of
# them as `bench pack` joins runs. Cells are measured one at a time, or JOBS=2 side by side, which
# marks their times, and on one core, so that no weight depends on the cores at hand. Networks come
# from the cache where they are: train them beforehand by the same command with --limit 16. A data
# set that is not here is left out, with its name. The commit must be clean: a run says what code
# made it.
set -euo pipefail
cd "$(dirname "$0")/.."

FILTERS="identity,gaussian,median,bilateral,wiener,tv,wavelet,nlm"
SIGMAS="15/255,25/255,50/255"
DIGITS=(--dataset mnist --noise "gaussian:0.1,0.3,0.5;salt-pepper:0.1;poisson:30")
PHOTOGRAPHS=(--dataset bsd68 --noise "$SIGMAS" --quantize)
# U-Net, HVAE and Noise2Void are trained for a minute or two each: in full (EFFORT="--preset
# default"), 60 of them would take some four and a half hours on two cores, by the time of an epoch.
EFFORT="${EFFORT:-}"

if [ -n "$(git status --porcelain --untracked-files=no)" ]; then
  echo "commit or put away your changes first: a published run says which commit made it" >&2
  exit 2
fi

# measure NAME METHODS ARGUMENTS…: one run.
measure() {
  bench run --name "$1" --methods "$2" --jobs "${JOBS:-1}" --threads 1 "${@:3}"
}

# join NAME PART…: the run that these are parts of; without sample images, which are large, but for
# those of digits.
join() {
  local folder samples=--no-samples
  [ "$1" != reference ] || samples=--samples
  folder=$(mktemp -d)
  bench pack "${@:2}" "$samples" --out "$folder/$1.zip"
  python -m zipfile -e "$folder/$1.zip" "$folder/$1"
  rm -rf "results/$1"
  mkdir "results/$1"
  for each in manifest.json cells history samples; do
    [ ! -e "$folder/$1/$each" ] || mv "$folder/$1/$each" "results/$1"
  done
  rm -r "$folder"
}

# here NAME: whether a data set is at hand.
here() {
  bench datasets | grep -A2 "^$1 " | grep -q "ready" && return
  echo "$1 is not here: its run is left out" >&2
  return 1
}

reference() {
  here mnist || return 0
  local dense="dae[seeds=4],vae[seeds=4]"
  measure reference-1 "$FILTERS,lmmse,posterior-mean,$dense" "${DIGITS[@]}"
  # shellcheck disable=SC2086
  {
    measure reference-2 "unet[seeds=4]" "${DIGITS[@]}" ${EFFORT:---preset quick --epochs 2}
    measure reference-3 "hvae[seeds=4]" "${DIGITS[@]}" ${EFFORT:---preset quick --epochs 1}
    measure reference-4 "n2v[seeds=4]" "${DIGITS[@]}" ${EFFORT:---preset quick}
  }
  measure reference-5 "cvae[seeds=4]" "${DIGITS[@]}" # four minutes each: with less it does harm
  joined+=("reference reference-1 reference-2 reference-3 reference-4 reference-5")
}

bsd68() {
  here bsd68 || return 0
  measure bsd68-1 "$FILTERS,lmmse,bm3d" "${PHOTOGRAPHS[@]}"
  # Eight minutes each on a core.
  measure bsd68-2 "unet[seeds=4],n2v[seeds=4]" "${PHOTOGRAPHS[@]}" --batch-size 16 --epochs 36
  joined+=("bsd68 bsd68-1 bsd68-2")
}

set12() {
  here set12 || return 0
  measure set12-1 "$FILTERS,lmmse,bm3d" --dataset set12 --noise "$SIGMAS" --quantize
  joined+=("set12 set12-1")
}

# Colour: no training images of colour are shipped, so filters run at their defaults.
cbsd68() {
  here cbsd68 || return 0
  measure cbsd68-1 "$FILTERS" --dataset cbsd68 --noise "$SIGMAS" --quantize --no-tune
  joined+=("cbsd68 cbsd68-1")
}

# Noise of a camera: its level is measured on the scenes that are held out.
polyu() {
  local data="${BENCH_DATA_DIR:-}/PolyU" out=$PWD/results
  [ -d "$data/clean" ] || { echo "PolyU is not here: its run is left out" >&2; return 0; }
  local folder
  folder=$(mktemp -d)
  mkdir "$folder/PolyU"
  ln -s "$(realpath "$data/clean")" "$(realpath "$data/noisy")" "$folder/PolyU"
  printf '%s\n' "group = '^(.*?)_+\d+\$'" "validation = 6" > "$folder/PolyU/dataset.toml"
  (cd "$folder" && measure polyu-1 "$FILTERS" --dataset pairs:PolyU --sigma validation --no-tune \
    --out "$out")
  rm -r "$folder"
  joined+=("polyu polyu-1")
}

parts=("$@")
[ $# -gt 0 ] || parts=(reference bsd68 set12 cbsd68 polyu)
joined=() # last of all, since a run that is replaced is a change to the commit
for part in "${parts[@]}"; do
  case $part in
    reference | bsd68 | set12 | cbsd68 | polyu) "$part" ;;
    *)
      echo "no published run is called $part: reference, bsd68, set12, cbsd68, polyu" >&2
      exit 2
      ;;
  esac
done
for run in "${joined[@]}"; do
  # shellcheck disable=SC2086
  join $run
done
