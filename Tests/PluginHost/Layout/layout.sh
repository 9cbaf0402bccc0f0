#!/bin/sh
# Prints what a plugin and a host must agree on, in the order of the headers: "struct size"; "struct.field offset" and
# the field's declaration, which for a function is its prototype; "CONSTANT value" for each enumerator; and the ids that
# are text. Arguments: the include folder, and a folder for temporary files.
set -e
include=$1 work=$2
text=$(echo '#include <vinculum/vinculum.h>' | cc -std=c11 -E -P -I"$include" -x c - | tr '\n' ' ' | tr -s ' ')
{
    cat <<'HEAD'
#include <stdio.h>
#include <vinculum/vinculum.h>
#define LINE(text, number) printf("%s %lld\n", text, (long long)(number))
#define FIELD(text, number, words) printf("%s %lld %s\n", text, (long long)(number), words)
int main(void) {
HEAD
    # Each typedef struct on a line of its own: its name, and its fields (functions in parentheses).
    echo "$text" | grep -o 'typedef struct vin_[a-z0-9_]* {[^}]*}' | while read -r struct; do
        name=$(echo "$struct" | sed 's/^typedef struct \([a-z0-9_]*\) .*/\1/')
        echo "LINE(\"$name\", sizeof($name));"
        echo "$struct" | sed 's/^[^{]*{//; s/}$//' | tr ';' '\n' | while read -r words; do
            field=$(echo "$words" |
                sed -n 's/^[^(]*(\*\([a-z_]*\))(.*/\1/p; t; s/.*[ *]\([a-z0-9_]*\)\(\[[^]]*\]\)\{0,1\} *$/\1/p')
            [ -z "$field" ] || echo "FIELD(\"$name.$field\", offsetof($name, $field), \"$words\");"
        done
    done
    echo "$text" | grep -o 'enum {[^}]*}' | sed 's/^enum {//; s/}$//' | tr ',' '\n' |
        sed -n 's/^ *\(VIN_[A-Z0-9_]*\).*/LINE("\1", \1);/p'
    # Values of other macros, and ids.
    grep -rhoE '#define VIN_[A-Z0-9_]+ ("[^"]*"|\(?[0-9].*)' "$include/vinculum" | sort |
        sed -nE 's/#define (VIN_[A-Z0-9_]+) ".*/printf("%s %s\\n", "\1", \1);/p; t; s/#define (VIN_[A-Z0-9_]+) .*/LINE("\1", \1);/p'
    echo 'return 0; }'
} > "$work/layout.c"
cc -std=c11 -I"$include" "$work/layout.c" -o "$work/layout"
"$work/layout"
