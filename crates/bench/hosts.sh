#!/bin/sh
# Hosts for `navarch-bench network`: network namespaces on one machine, each with an agent, and a server in one more. Needs root, ip, nft,
# nsenter, pgrep, a static /bin/busybox, and navarch and kubectl on the PATH.
#
#   hosts.sh up DIR      three hosts with an agent each: bench-h1 and bench-h2 on one segment, bench-h3 behind a router
#   hosts.sh pods DIR    a pod on h1, h2 and h3 and one more on h1: their namespaces are bench-p1, bench-p2, bench-p3 and bench-p4
#   hosts.sh bare        the bare devices beside them: bench-a and bench-b at the ends of a veth pair, and of two with a bridge between
#                        them, and a VXLAN device on h1 and on h3
#   hosts.sh agent DIR N what starts the agent of host N again, as a command line
#   hosts.sh down DIR    takes all of it away
set -eu

within() { # NAMESPACE COMMAND...
    nsenter --net=/run/netns/"$@"
}

plain() { # NAMESPACE: its bridges hand nothing to the rules of IP, as where nobody has loaded br_netfilter. BRIDGE_NF=1 leaves it.
    if [ -e /proc/sys/net/bridge ] && [ -z "${BRIDGE_NF:-}" ]; then
        within "$1" sysctl --quiet --write net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0
    fi
}

plug() { # NAMESPACE SEGMENT NUMBER: at the bridge of that segment.
    ip netns add "bench-$1"
    plain "bench-$1"
    within bench-r ip link add name "$1" type veth peer name eth0 netns "bench-$1"
    within bench-r ip link set "$1" master "seg$2" up
    within "bench-$1" ip link set lo up
    within "bench-$1" ip addr add "192.168.$2.$3/24" dev eth0
    within "bench-$1" ip link set eth0 up
    within "bench-$1" ip route add default via "192.168.$2.254"
}

join() { # DIR: how an agent finds the server.
    echo "--server https://192.168.1.10:6443 --certificate-authority $1/server/pki/ca.crt"
}

agent() { # DIR N
    echo "navarch agent --node-name h$2 --data-dir $1/h$2 $(join "$1")"
}

up() { # DIR
    mkdir -p "$1"
    ip netns add bench-r
    plain bench-r
    within bench-r sh -c 'ip link set lo up; echo 1 > /proc/sys/net/ipv4/ip_forward'
    for segment in 1 2; do
        within bench-r ip link add "seg$segment" type bridge
        within bench-r ip addr add "192.168.$segment.254/24" dev "seg$segment"
        within bench-r ip link set "seg$segment" up
    done
    # Endpoints of services that no pod is behind.
    for number in 252 253; do within bench-r ip addr add "192.168.1.$number/24" dev seg1; done
    plug s 1 10
    nsenter --net=/run/netns/bench-s navarch server --bind-address 192.168.1.10 --data-dir "$1/server" > "$1/server.log" 2>&1 &
    echo $! > "$1/server.pid"
    until within bench-s kubectl --kubeconfig "$1/server/admin.kubeconfig" get --raw /readyz > /dev/null 2>&1; do sleep 0.1; done
    token=$(within bench-s navarch token create --data-dir "$1/server")
    for host in "1 1" "2 1" "3 2"; do
        # shellcheck disable=SC2086
        set -- "$1" $host
        plug "h$2" "$3" "$2"
        # shellcheck disable=SC2046
        NAVARCH_TOKEN=$token nsenter --net="/run/netns/bench-h$2" $(agent "$1" "$2") > "$1/h$2.log" 2>&1 &
        echo $! > "$1/h$2.pid"
        until grep -q 'node ready' "$1/h$2.log"; do sleep 0.1; done
    done
}

image() { # DIR: a shell and what it can do, as `docker save` writes an image.
    mkdir -p "$1/image/root/bin"
    cp /bin/busybox "$1/image/root/bin/busybox"
    tar -C "$1/image/root" -cf "$1/image/layer.tar" bin
    layer=$(sha256sum "$1/image/layer.tar" | cut -d ' ' -f 1)
    echo "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:$layer\"]}}" > "$1/image/config.json"
    echo '[{"Config":"config.json","RepoTags":["docker.io/library/bench:1"],"Layers":["layer.tar"]}]' > "$1/image/manifest.json"
    tar -C "$1/image" -cf "$1/image.tar" manifest.json config.json layer.tar
}

pods() { # DIR
    image "$1"
    kubectl="within bench-s kubectl --kubeconfig $1/server/admin.kubeconfig"
    for number in 1 2 3; do within "bench-h$number" navarch image import --data-dir "$1/h$number" "$1/image.tar"; done
    for pod in "1 h1" "2 h2" "3 h3" "4 h1"; do
        # shellcheck disable=SC2086
        set -- "$1" $pod
        $kubectl apply -f - <<MANIFEST
apiVersion: v1
kind: Pod
metadata: {name: p$2, labels: {app: p$2}}
spec:
  nodeName: $3
  terminationGracePeriodSeconds: 0
  containers: [{name: sleep, image: 'bench:1', command: [/bin/busybox, sleep, '7100$2']}]
---
apiVersion: v1
kind: Service
metadata: {name: p$2}
spec: {selector: {app: p$2}, ports: [{port: 80, targetPort: 5201}]}
MANIFEST
    done
    $kubectl wait pods --all --for=condition=Ready --timeout=60s
    for number in 1 2 3 4; do
        ip netns attach "bench-p$number" "$(pgrep -fx "/bin/busybox sleep 7100$number")"
    done
    $kubectl get pods,services -o wide
}

bare() {
    for end in a b; do ip netns add bench-$end; done
    within bench-a ip link add pair type veth peer name pair netns bench-b
    ip netns add bench-m
    plain bench-m
    within bench-m ip link add bridge type bridge
    within bench-m ip link set bridge up
    for end in a:1 b:2; do
        netns=bench-${end%:*} number=${end#*:}
        within "$netns" ip addr add "10.8.0.$number/24" dev pair
        within "$netns" ip link set pair up
        within bench-m ip link add "end$number" type veth peer name bridged netns "$netns"
        within bench-m ip link set "end$number" master bridge up
        within "$netns" ip addr add "10.8.1.$number/24" dev bridged
        within "$netns" ip link set bridged up
    done
    for end in "1 2 192.168.2.3" "3 1 192.168.1.1"; do
        # shellcheck disable=SC2086
        set -- $end
        own=$((1 + ($1 > 1)))
        within "bench-h$1" ip link add bare type vxlan id 77 dstport 4790 nolearning
        within "bench-h$1" ip link set bare address "02:00:00:00:00:0$own" mtu 1450 up
        within "bench-h$1" ip addr add "10.9.0.$own/24" dev bare
        within "bench-h$1" ip neigh add "10.9.0.$2" lladdr "02:00:00:00:00:0$2" dev bare nud permanent
        within "bench-h$1" bridge fdb add "02:00:00:00:00:0$2" dev bare dst "$3" self permanent
    done
}

down() { # DIR
    for name in h1 h2 h3 server; do
        if [ -f "$1/$name.pid" ]; then
            pid=$(cat "$1/$name.pid")
            kill "$pid" 2> /dev/null || true
            while kill -0 "$pid" 2> /dev/null; do sleep 0.1; done
        fi
    done
    for number in 1 2 3; do
        if [ -d "$1/h$number" ]; then within "bench-h$number" navarch down --data-dir "$1/h$number" || true; fi
    done
    for netns in a b m p1 p2 p3 p4 h1 h2 h3 s r; do ip netns del "bench-$netns" 2> /dev/null || true; done
    rm -rf "$1"
}

command=$1
shift
"$command" "$@"
