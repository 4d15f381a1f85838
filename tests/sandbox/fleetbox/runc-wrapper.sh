#!/bin/sh
# runc for machines where root may not have CAP_SYS_RESOURCE: a container that asks for it (any privileged one)
# would not start. It is taken out of what Docker asks runc for; everything else is passed on.
bundle=""
process=""
previous=""
for word in "$@"; do
  case "$previous" in
    --bundle | -b) bundle=$word ;;
    --process | -p) process=$word ;;
  esac
  previous=$word
done
for file in ${bundle:+"$bundle/config.json"} ${process:+"$process"}; do
  if [ -f "$file" ]; then
    sed -i 's/"CAP_SYS_RESOURCE",//g; s/,"CAP_SYS_RESOURCE"//g' "$file"
  fi
done
exec runc "$@"
