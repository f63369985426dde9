use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn pool(cidr: &str) -> AddressPool {
    AddressPool::new(cidr.parse().unwrap()).unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn network_gateway_and_broadcast_stay_out() {
    let mut pool = pool("10.244.3.77/29");
    assert_eq!(pool.gateway(), ip("10.244.3.73"));
    let all: Vec<_> = (0..5)
        .map(|n| pool.allocate(&n.to_string()).unwrap().to_string())
        .collect();
    assert_eq!(
        all,
        [
            "10.244.3.74",
            "10.244.3.75",
            "10.244.3.76",
            "10.244.3.77",
            "10.244.3.78"
        ]
    );
    assert_eq!(pool.allocate("one more"), Err(Unavailable::Exhausted));
    assert_eq!(pool.capacity(), pool.in_use());
}

#[test]
fn an_owner_keeps_its_address() {
    let mut pool = pool("10.0.0.0/24");
    let first = pool.allocate("a").unwrap();
    assert_ne!(pool.allocate("b").unwrap(), first);
    assert_eq!(pool.allocate("a").unwrap(), first);
    assert_eq!(pool.in_use(), 2);
}

#[test]
fn a_released_address_is_the_last_to_be_used_again() {
    let mut pool = pool("10.0.0.0/29");
    assert_eq!(pool.allocate("a"), Ok(ip("10.0.0.2")));
    assert_eq!(pool.release("a"), Some(ip("10.0.0.2")));
    assert_eq!(pool.release("a"), None);
    let rest: Vec<_> = (0..5)
        .map(|n| pool.allocate(&n.to_string()).unwrap())
        .collect();
    assert_eq!(rest[0], ip("10.0.0.3"));
    assert_eq!(rest[4], ip("10.0.0.2"));
}

#[test]
fn a_restart_goes_on_where_it_stopped() {
    let mut pool = pool("10.0.0.0/24");
    pool.claim("a", ip("10.0.0.9")).unwrap();
    pool.claim("a", ip("10.0.0.9")).unwrap();
    pool.resume_after(ip("10.0.0.9"));
    assert_eq!(pool.allocate("b"), Ok(ip("10.0.0.10")));
    assert_eq!(pool.claim("c", ip("10.0.0.9")), Err(Unavailable::Taken));
    assert_eq!(pool.claim("a", ip("10.0.0.11")), Err(Unavailable::Taken));
    for foreign in [
        "10.0.0.0",
        "10.0.0.1",
        "10.0.0.255",
        "10.0.1.2",
        "9.9.9.9",
        "fd00::2",
    ] {
        assert_eq!(
            pool.claim("c", ip(foreign)),
            Err(Unavailable::Foreign),
            "{foreign}"
        );
    }
}

#[test]
fn other_sizes_and_families() {
    for small in ["10.0.0.0/31", "10.0.0.0/32", "fd00::/127", "fd00::/128"] {
        let cidr = small.parse().unwrap();
        assert_eq!(
            AddressPool::new(cidr).unwrap_err(),
            CidrTooSmall(cidr),
            "{small}"
        );
    }
    assert_eq!(pool("10.0.0.0/30").capacity(), 1);
    assert_eq!(pool("10.0.0.0/8").capacity(), 65_534);
    assert_eq!(pool("0.0.0.0/0").capacity(), 65_534);
    let mut six = pool("fd00:1::/64");
    assert_eq!(six.gateway(), ip("fd00:1::1"));
    assert_eq!(six.allocate("a"), Ok(ip("fd00:1::2")));
    assert_eq!(pool("::/0").capacity(), 65_534);
}

proptest! {
    /// Whatever is done, no two owners share an address, and none is lost.
    #[test]
    fn addresses_are_unique_and_none_leaks(steps in prop::collection::vec((any::<bool>(), 0u8..40), 0..400)) {
        let mut pool = pool("10.0.0.0/27");
        let mut model: HashMap<String, IpAddr> = HashMap::new();
        for (add, owner) in steps {
            let owner = owner.to_string();
            if add {
                match pool.allocate(&owner) {
                    Ok(ip) => { model.insert(owner, ip); }
                    Err(_) => prop_assert_eq!(model.len(), pool.capacity()),
                }
            } else {
                prop_assert_eq!(pool.release(&owner), model.remove(&owner));
            }
            let distinct: HashSet<_> = model.values().collect();
            prop_assert_eq!(distinct.len(), model.len());
            prop_assert_eq!(pool.in_use(), model.len());
        }
    }
}
