#!/bin/sh
# Prints "struct size" and "struct.field offset" for every struct of the interface, in the order of the headers.
# Arguments: the include folder, and a folder for temporary files.
set -e
include=$1 work=$2
{
    cat <<'HEAD'
#include <stdio.h>
#include <vinculum/vinculum.h>
#define LINE(text, number) printf("%s %zu\n", text, (size_t)(number))
int main(void) {
HEAD
    # Each typedef struct on a line of its own: its name, and the names of its fields (functions in parentheses).
    echo '#include <vinculum/vinculum.h>' | cc -std=c11 -E -P -I"$include" -x c - | tr '\n' ' ' |
        grep -o 'typedef struct vin_[a-z0-9_]* {[^}]*}' | grep -v vin_abi_types | while read -r text; do
        name=$(echo "$text" | sed 's/^typedef struct \([a-z0-9_]*\) .*/\1/')
        echo "LINE(\"$name\", sizeof($name));"
        echo "$text" | sed 's/^[^{]*{//; s/}$//' | tr ';' '\n' |
            sed -n 's/^[^(]*(\*\([a-z_]*\))(.*/\1/p; t; s/.*[ *]\([a-z0-9_]*\)\(\[[^]]*\]\)\{0,1\} *$/\1/p' |
            while read -r field; do
                [ -z "$field" ] || echo "LINE(\"$name.$field\", offsetof($name, $field));"
            done
    done
    echo 'return 0; }'
} > "$work/layout.c"
cc -std=c11 -I"$include" "$work/layout.c" -o "$work/layout"
"$work/layout"
