#!/bin/sh
# Makes deploy/.env of deploy/.env.example, with a random secret for tokens and random passwords. Only its owner can read it. A file that
# exists stays as it is.
set -eu
cd "$(dirname "$0")"
if [ -e .env ]; then
	echo "deploy/.env exists already: fill in what is empty there, or remove it first" >&2
	exit 1
fi
umask 077
while IFS= read -r line; do
	case $line in
	RESTANTE_JWT_SECRET= | *_PASSWORD=) line=$line$(od -An -v -N24 -tx1 /dev/urandom | tr -d ' \n') ;;
	esac
	printf '%s\n' "$line"
done <.env.example >.env.new
mv .env.new .env
echo "made deploy/.env"
