//! What a transaction sees: one moment, and what others write only after it.

use dm_collab::{Effect, Fingerprint, Membership, Presence, ProjectionRead as _};
use dm_model::{Action, Kind, Op, Space};
use dm_store::{Arrival, Mode, Store};

use crate::support::{
    TestResult, apply, arrival, at, create, definition, entity, keys, location, patch_id, revision, shop, temp_store,
};

#[test]
fn a_read_is_of_one_moment() -> TestResult {
    let temp = temp_store(1);
    temp.append(&shop().arrival());
    let other = temp.again();
    let before = other.read()?;
    let names = before.live_names("")?;
    let fingerprint = before.view_fingerprint()?;

    let text = definition("let sum (x: Int64) : Int64 = x", &[]);
    let later = revision(1, 2, 200, vec![create("Acme.Shop.sum", text.hash())]);
    let applied = apply(1, 201, vec![shop().applied.id()], vec![(patch_id(2), later.id())]);
    temp.append(&arrival(&[&later, &applied], &[&text]));

    // What was not asked before is of that moment too.
    assert_eq!(before.live_names("")?, names);
    assert_eq!(before.names_count()?, 2);
    assert_eq!(before.entities_at(&location("Acme.Shop.sum"))?, []);
    assert_eq!(before.presence(&later.id())?, Presence::Absent);
    assert_eq!(before.view_fingerprint()?, fingerprint);
    drop(before);

    let after = other.read()?;
    assert_eq!(after.names_count()?, 3);
    assert_eq!(after.entities_at(&location("Acme.Shop.sum"))?, [entity("Acme.Shop.sum")]);
    assert_ne!(after.view_fingerprint()?, fingerprint);
    Ok(())
}

#[test]
fn a_reader_is_not_kept_waiting_by_a_writer() -> TestResult {
    let temp = temp_store(1);
    let mut tx = temp.store.write()?;
    tx.append(&shop().arrival())?;
    let reader = Store::open(&temp.path(), Mode::ReadOnly)?;
    assert_eq!(reader.read()?.names_count()?, 0);
    tx.commit()?;
    assert_eq!(reader.read()?.names_count()?, 2);
    Ok(())
}

#[test]
fn names_lead_to_definitions_and_back() -> TestResult {
    let temp = temp_store(1);
    let shop = shop();
    temp.append(&shop.arrival());
    let tx = temp.store.read()?;
    let paths = |module: &str| -> Vec<String> {
        tx.live_names(module).unwrap().into_iter().map(|name| name.location.to_string()).collect()
    };
    assert_eq!(paths(""), ["Acme.Shop.Cart.total", "Acme.Shop.tax"]);
    assert_eq!(paths("Acme.Shop.Cart"), ["Acme.Shop.Cart.total"]);
    assert_eq!(paths("Acme.Sho"), [""; 0], "a module is whole segments");
    let listing = tx.module_listing("Acme.Shop")?;
    assert_eq!(listing.names.iter().map(|name| name.location.name()).collect::<Vec<_>>(), ["tax"]);
    assert_eq!(listing.modules.into_iter().collect::<Vec<_>>(), [("Cart".to_owned(), 1)]);

    let found = tx.names_at(&location("Acme.Shop.tax"))?;
    let [name] = found.as_slice() else { panic!("one name, not {found:?}") };
    assert_eq!((name.entity, name.content, name.kind), (entity("Acme.Shop.tax"), shop.tax.hash(), Kind::Fn));
    assert_eq!(tx.names_of(&name.entity)?, found);
    assert_eq!(tx.names_ending("total")?.len(), 1);
    assert_eq!(tx.names_ending("otal")?.len(), 0);
    assert_eq!(tx.definition(&shop.total.hash())?.as_ref(), Some(&**shop.total.definition()));
    assert_eq!(tx.dependents(&entity("Acme.Shop.tax"))?, [entity("Acme.Shop.Cart.total")]);
    let order: Vec<_> = tx.order_of_writing()?.into_iter().map(|(entity, _)| entity).collect();
    assert_eq!(order, [entity("Acme.Shop.tax"), entity("Acme.Shop.Cart.total")]);
    Ok(())
}

#[test]
fn counters_follow_creations_moves_and_deletions() -> TestResult {
    let temp = temp_store(1);
    let shop = shop();
    temp.append(&shop.arrival());
    let created = create("Acme.Shop.tax", shop.tax.hash()).id();
    let mut leaf = shop.applied.id();
    let steps = [
        (Action::MoveName { to: location("Acme.Tax.rate") }, 2),
        (Action::DeleteName, 1),
        (Action::MoveName { to: location("Acme.Shop.tax") }, 2),
    ];
    let mut last = created;
    for (n, (action, names)) in (2u8..).zip(steps) {
        // A deletion that knows the content is no conflict with it.
        let op = Op::new(entity("Acme.Shop.tax"), action).superseding([last]).witnessing([created]);
        last = op.id();
        let patch = revision(1, n, 200 + i64::from(n), vec![op]);
        let applied = apply(1, 300 + i64::from(n), vec![leaf], vec![(patch_id(n), patch.id())]);
        leaf = applied.id();
        temp.append(&arrival(&[&patch, &applied], &[]));
        let tx = temp.store.read()?;
        assert_eq!(tx.names_count()?, names);
        assert_eq!(tx.live_names("")?.len() as u64, names);
        assert_eq!(tx.counts()?.names, names);
    }
    assert_eq!(temp.store.read()?.verify(), []);
    Ok(())
}

#[test]
fn what_lacks_something_waits_and_says_for_what() -> TestResult {
    let temp = temp_store(1);
    let shop = shop();
    temp.append(&arrival(&[&shop.applied], &[]));
    temp.append(&arrival(&[&shop.created], &[&shop.tax]));
    {
        let tx = temp.store.read()?;
        assert_eq!(tx.presence(&shop.created.id())?, Presence::Pending);
        assert_eq!(tx.presence(&shop.applied.id())?, Presence::Pending);
        assert_eq!((tx.pending_count()?, tx.names_count()?), (2, 0));
        assert_eq!(tx.missing_contents(&[dm_model::Space::PUBLIC], 9)?, [(shop.created.id(), shop.total.hash())]);
        assert_eq!(tx.set_fingerprint(Space::PUBLIC)?.count, 2);
    }
    temp.append(&Arrival { envelopes: Vec::new(), definitions: vec![shop.total.clone()] });
    let tx = temp.store.read()?;
    assert_eq!((tx.pending_count()?, tx.names_count()?), (0, 2));
    assert_eq!(tx.effect(&shop.created.id())?, Effect::Effective);
    assert_eq!(
        tx.membership(&dm_collab::Channel::public(keys(1).public().instance()), &patch_id(1))?,
        Membership::In(shop.created.id())
    );
    assert_eq!(
        tx.effective_members(&[patch_id(1), patch_id(9)])?.into_iter().collect::<Vec<_>>(),
        [(patch_id(1), shop.created.id())]
    );
    Ok(())
}

#[test]
fn appending_again_changes_nothing() -> TestResult {
    let temp = temp_store(1);
    temp.append(&shop().arrival());
    let before = temp.store.read()?.dump_projections()?;
    let counts = temp.store.read()?.counts()?;
    temp.append(&shop().arrival());
    let tx = temp.store.read()?;
    assert_eq!(tx.counts()?, counts);
    assert_eq!(tx.dump_projections()?, before);
    Ok(())
}

#[test]
fn the_shortest_prefix_comes_from_the_neighbours_alone() -> TestResult {
    let temp = temp_store(1);
    // Spelled from the last byte: 0a.., 0b.., ff...
    let ids = [[1, 0x0a], [2, 0x0b], [3, 0x0b], [4, 0xff]].map(|[low, high]| {
        let mut bytes = [0; 16];
        (bytes[0], bytes[15]) = (low, high);
        dm_model::PatchId::from_bytes(bytes)
    });
    for (n, id) in (0u8..).zip(ids) {
        let text = definition(&format!("let f{n} (x: Int64) : Int64 = x"), &[]);
        let body = dm_model::Revision {
            patch: id,
            replaces: Vec::new(),
            author: "ada".to_owned(),
            intent: "f".to_owned(),
            created_at: at(1),
            depends: Vec::new(),
            ops: vec![create(&format!("Acme.F.f{n}"), text.hash())],
        };
        let sealed = dm_model::Envelope::seal(Space::PUBLIC, &keys(1), at(1), dm_model::Body::Revision(body));
        temp.append(&arrival(&[&std::sync::Arc::new(sealed)], &[&text]));
    }
    let tx = temp.store.read()?;
    let [a, b, c, d] = ids;
    assert_eq!(tx.patches_beside(&a)?, [b]);
    assert_eq!(tx.patches_beside(&b)?, [a, c]);
    assert_eq!(tx.patches_beside(&c)?, [b, d]);
    assert_eq!(tx.patches_beside(&d)?, [c]);
    let mut known = tx.patch_ids()?;
    known.sort_unstable();
    assert_eq!(known, ids);
    assert_eq!(tx.revisions(&c)?.len(), 1);
    Ok(())
}

#[test]
fn an_empty_store_has_the_empty_fingerprint() -> TestResult {
    let temp = temp_store(1);
    let tx = temp.store.read()?;
    assert_eq!(tx.view_fingerprint()?, Fingerprint::default());
    assert_eq!(tx.set_fingerprint(Space::PUBLIC)?, Fingerprint::default());
    assert!(tx.channels()?.is_empty() && tx.conflicting_lists_are_empty());
    Ok(())
}

/// The short lists that people look at first.
trait Lists {
    fn conflicting_lists_are_empty(&self) -> bool;
}

impl Lists for dm_store::ReadTx<'_> {
    fn conflicting_lists_are_empty(&self) -> bool {
        self.flagged().unwrap().is_empty()
            && self.collisions().unwrap().is_empty()
            && self.deleted_dependencies().unwrap().is_empty()
            && self.blocked().unwrap().is_empty()
            && self.disputed().unwrap().is_empty()
            && self.unseen().unwrap().is_empty()
    }
}
