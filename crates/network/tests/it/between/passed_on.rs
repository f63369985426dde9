//! Connections between pods of two nodes that flow tables pass on, where the kernel has them.

use crate::flow_table::{count, is_passed_on_soon};
use crate::talk::{echo, is_answered, talk};

use super::{Hosts, until};

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_on_between_nodes_is_passed_on_by_whatever_way() {
    let hosts = Hosts::new().await;
    let a = hosts.host("a", 1, 1).await;
    let b = hosts.host("b", 1, 2).await;
    let c = hosts.host("c", 2, 3).await;
    let (from, near, far) = (a.pod("a").await, b.pod("b").await, c.pod("c").await);
    let all = [&a.node.host, &b.node.host, &c.node.host];
    all.iter().for_each(|host| count(host));
    for (to, by) in [(&near, &b), (&far, &c)] {
        echo(&to.0, 8080);
        until("it is reached", || from.0.connects((to.1, 8080))).await;
        let answered = talk(&from.0, (to.1, 8080));
        is_passed_on_soon(&a.node.host, &answered).await;
        is_passed_on_soon(&by.node.host, &answered).await;
        // Its way goes with the link, and comes back.
        a.node.host.sh("ip link set eth0 down");
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        a.node
            .host
            .sh("ip link set eth0 up; ip route add default via 192.168.1.254");
        let goes_on = async { while !is_answered(&answered).await {} };
        tokio::time::timeout(crate::cluster::PATIENCE, goes_on)
            .await
            .unwrap();
        is_passed_on_soon(&a.node.host, &answered).await;
        is_passed_on_soon(&by.node.host, &answered).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn so_is_what_goes_on_by_ipv6() {
    let hosts = Hosts::new().await;
    let a = hosts.host_of_ipv6("a", 1, 1).await;
    let b = hosts.host_of_ipv6("b", 1, 2).await;
    let (from, to) = (a.pod("a").await, b.pod("b").await);
    echo(&to.0, 8080);
    until("it is reached", || from.0.connects((to.1, 8080))).await;
    for host in [&a.node.host, &b.node.host] {
        count(host);
    }
    let answered = talk(&from.0, (to.1, 8080));
    is_passed_on_soon(&a.node.host, &answered).await;
    is_passed_on_soon(&b.node.host, &answered).await;
}
