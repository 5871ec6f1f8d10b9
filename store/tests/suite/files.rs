//! Exports and imports as work that somebody holds for a while.

use crate::suite::{Database, caller, message, order};
use inventory_domain::{
    Timestamp,
    file_job::{Export, ExportKind, FileStatus, Import, ImportCounts, NewExport},
    order::OnShortage,
};
use inventory_store::{
    Page, clock, erasure,
    exports::{self, MovementFilter},
    file_jobs::{self, Claimed, FileJobFilter, Progress, Task},
    orders, processing,
};
use uuid::Uuid;

async fn ask(database: &Database, kind: ExportKind) -> Export {
    let mut tx = database.begin();
    let expires_at = tx.now().plus_minutes(60);
    let export = file_jobs::create_export(&mut tx, &NewExport::all(kind), expires_at)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    export
}

async fn import(database: &Database, file: Uuid) -> Import {
    let mut tx = database.begin();
    let expires_at = tx.now().plus_minutes(60);
    let import = file_jobs::create_import(&mut tx, file, 100, expires_at).await.unwrap();
    tx.commit().await.unwrap();
    import
}

async fn claim(database: &Database, now: Timestamp) -> Option<Claimed> {
    file_jobs::claim(&database.store, Uuid::now_v7(), now, now.plus_seconds(30))
        .await
        .unwrap()
}

async fn export(database: &Database, id: i64) -> Export {
    file_jobs::export(&database.store, id).await.unwrap().export
}

pub async fn work_is_held_by_one_and_taken_over_from_the_dead(database: &Database) {
    let (store, now) = (&database.store, clock());
    let first = ask(database, ExportKind::Products).await;
    let second = ask(database, ExportKind::Inventory).await;
    assert_eq!(export(database, first.id).await, first);
    let mine = claim(database, now).await.unwrap();
    let other = claim(database, now).await.unwrap();
    assert_eq!((mine.id, other.id), (first.id, second.id));
    assert_eq!(mine.caller, caller());
    assert!(claim(database, now).await.is_none());
    assert!(file_jobs::name_file(store, &mine, mine.owner).await.unwrap());
    assert!(
        file_jobs::keep(store, &mine, now.plus_seconds(30), Some(7))
            .await
            .unwrap()
    );
    let running = export(database, first.id).await;
    assert_eq!((running.status, running.rows), (FileStatus::Running, 7));
    assert!(running.version > first.version && running.started_at.is_some());

    // Its program is dead: another begins anew and knows what was left. Whoever comes back changes nothing.
    let heir = claim(database, now.plus_seconds(30)).await.unwrap();
    assert_eq!((heir.id, heir.deaths), (first.id, 1));
    assert!(matches!(heir.task, Task::Export { left: Some(left), .. } if left == mine.owner));
    assert!(!file_jobs::keep(store, &mine, now.plus_seconds(60), None).await.unwrap());
    assert!(!file_jobs::name_file(store, &mine, mine.owner).await.unwrap());
    assert!(!file_jobs::finish_export(store, &mine, 1, 1, now).await.unwrap());
    file_jobs::fail(store, &mine, "late", now).await.unwrap();
    file_jobs::release(store, &mine, now, Some("late")).await.unwrap();
    let running = export(database, first.id).await;
    assert_eq!(
        (running.status, running.rows, running.problem),
        (FileStatus::Running, 0, None)
    );

    // Something is away: not before its time.
    file_jobs::release(store, &heir, now.plus_seconds(90), Some("away"))
        .await
        .unwrap();
    assert_eq!(export(database, first.id).await.problem.as_deref(), Some("away"));
    file_jobs::fail(store, &other, "no", now).await.unwrap();
    assert!(claim(database, now.plus_seconds(89)).await.is_none());
    let again = claim(database, now.plus_seconds(90)).await.unwrap();
    assert_eq!((again.id, again.attempts, again.deaths), (first.id, 1, 1));
    assert!(file_jobs::finish_export(store, &again, 9, 512, now).await.unwrap());
    let done = export(database, first.id).await;
    assert_eq!(
        (done.status, done.rows, done.size_bytes, done.problem),
        (FileStatus::Done, 9, Some(512), None)
    );
    assert!(claim(database, now.plus_minutes(10)).await.is_none());

    let filter = FileJobFilter {
        kind: None,
        status: Some(FileStatus::Failed),
    };
    let failed = file_jobs::exports(store, &filter, Page::default()).await.unwrap();
    assert_eq!(failed.iter().map(|export| export.id).collect::<Vec<_>>(), [second.id]);
    assert_eq!(
        file_jobs::count_exports(store, &FileJobFilter::default())
            .await
            .unwrap(),
        2
    );
    assert_eq!(
        file_jobs::count_imports(store, &FileJobFilter::default())
            .await
            .unwrap(),
        0
    );
}

pub async fn many_take_different_work_at_once(database: &Database) {
    for _ in 0..12 {
        ask(database, ExportKind::Products).await;
    }
    let now = clock();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let store = database.store.clone();
        tasks.spawn(async move {
            file_jobs::claim(&store, Uuid::now_v7(), now, now.plus_seconds(30))
                .await
                .unwrap()
                .map(|job| job.id)
        });
    }
    let mut taken: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    taken.sort_unstable();
    let count = taken.len();
    taken.dedup();
    assert_eq!((taken.len(), count), (12, 12));
}

pub async fn an_import_goes_on_where_it_was(database: &Database) {
    let (store, now) = (&database.store, clock());
    let file = Uuid::now_v7();
    let asked = import(database, file).await;
    let mine = claim(database, now).await.unwrap();
    let progress = Progress {
        done_bytes: 40,
        rows: 2,
        counts: ImportCounts {
            created: 1,
            refused: 1,
            ..ImportCounts::default()
        },
        refused_lines: vec![inventory_domain::file_job::RefusedLine {
            line: 3,
            detail: "a \"quoted\" \0 reason".to_owned(),
        }],
    };
    let mut tx = database.begin();
    assert!(file_jobs::advance(&mut tx, &mine, &progress, false).await.unwrap());
    tx.commit().await.unwrap();
    // What is not committed has not happened.
    let mut tx = database.begin();
    assert!(
        file_jobs::advance(&mut tx, &mine, &Progress::default(), true)
            .await
            .unwrap()
    );
    drop(tx);
    // A transaction that is dropped is undone a moment later, and whoever looks for work does not wait for its lock. This does.
    store
        .execute_raw("UPDATE file_jobs SET attempts = attempts")
        .await
        .unwrap();

    let heir = claim(database, now.plus_seconds(31)).await.unwrap();
    let Task::Import {
        file: found,
        size_bytes,
        progress: known,
    } = &heir.task
    else {
        panic!("{heir:?}")
    };
    assert_eq!((*found, *size_bytes, &**known), (file, 100, &progress));
    let mut tx = database.begin();
    assert!(!file_jobs::advance(&mut tx, &mine, &progress, true).await.unwrap());
    drop(tx);
    let done = Progress {
        done_bytes: 100,
        ..progress.clone()
    };
    let mut tx = database.begin();
    assert!(file_jobs::advance(&mut tx, &heir, &done, true).await.unwrap());
    tx.commit().await.unwrap();
    let found = file_jobs::import(store, asked.id).await.unwrap();
    assert_eq!(
        (found.status, found.done_bytes, found.rows, found.counts),
        (FileStatus::Done, 100, 2, progress.counts)
    );
    assert_eq!(found.refused_lines, Some(progress.refused_lines));
    let listed = file_jobs::imports(store, &FileJobFilter::default(), Page::default())
        .await
        .unwrap();
    assert_eq!(listed[0].refused_lines, None);

    // Its file is not needed any more; it is told of until it is old.
    let gone = file_jobs::unneeded(store, now, 10).await.unwrap();
    assert_eq!((gone.len(), gone[0].file, gone[0].is_expired), (1, Some(file), false));
    file_jobs::forget(store, &gone).await.unwrap();
    assert!(file_jobs::unneeded(store, now, 10).await.unwrap().is_empty());
    let gone = file_jobs::unneeded(store, asked.expires_at, 10).await.unwrap();
    assert_eq!((gone.len(), gone[0].file, gone[0].is_expired), (1, None, true));
    file_jobs::forget(store, &gone).await.unwrap();
    assert!(file_jobs::import(store, asked.id).await.is_err());
}

pub async fn whoever_is_erased_is_in_no_export(database: &Database) {
    let (store, now) = (&database.store, clock());
    database.product("A-1", 0).await;
    let mut tx = database.begin();
    let placed = orders::create(&mut tx, &order(&[("A-1", 1)], OnShortage::Reject))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut asked = Vec::new();
    for kind in [ExportKind::Orders, ExportKind::Orders, ExportKind::Products] {
        asked.push(ask(database, kind).await);
    }
    let finished = claim(database, now).await.unwrap();
    file_jobs::name_file(store, &finished, finished.owner).await.unwrap();
    assert!(file_jobs::finish_export(store, &finished, 1, 10, now).await.unwrap());
    let running = claim(database, now).await.unwrap();
    let other = claim(database, now).await.unwrap();
    assert_eq!([running.id, other.id], [asked[1].id, asked[2].id]);

    let mut tx = database.begin();
    erasure::erase(&mut tx, placed.customer_id).await.unwrap();
    tx.commit().await.unwrap();
    let gone = file_jobs::export(store, finished.id).await.unwrap();
    assert_eq!(
        (gone.export.status, gone.file),
        (FileStatus::Expired, Some(finished.owner))
    );
    assert!(!file_jobs::finish_export(store, &running, 1, 10, now).await.unwrap());
    assert!(file_jobs::finish_export(store, &other, 1, 10, now).await.unwrap());
    assert_eq!(claim(database, now).await.unwrap().id, running.id);
    let files = file_jobs::unneeded(store, now, 10).await.unwrap();
    assert_eq!(files.iter().map(|file| file.id).collect::<Vec<_>>(), [finished.id]);
    file_jobs::forget(store, &files).await.unwrap();
    assert_eq!(file_jobs::export(store, finished.id).await.unwrap().file, None);
}

pub async fn exports_read_in_parts_what_is_there(database: &Database) {
    let store = &database.store;
    let mut ids = Vec::new();
    for n in 0..7 {
        let product = database.product(&format!("A-{n}"), 0).await;
        database
            .add(product.id, 10 + n, Some(if n % 2 == 0 { "MAIN" } else { "Shop" }))
            .await;
        ids.push(product.id);
    }
    let mut found = Vec::new();
    let mut after = 0;
    loop {
        let rows = exports::products(store, None, after, 3).await.unwrap();
        let Some(last) = rows.last() else { break };
        after = last.id;
        found.extend(rows);
    }
    assert_eq!(found.iter().map(|row| row.id).collect::<Vec<_>>(), ids);
    // Only what is at MAIN.
    assert_eq!(
        found.iter().map(|row| row.on_hand).collect::<Vec<_>>(),
        [10, 0, 12, 0, 14, 0, 16]
    );
    assert!(exports::products(store, Some("None"), 0, 10).await.unwrap().is_empty());
    assert_eq!(exports::inventory(store, None, 0, 100).await.unwrap().len(), 7);
    assert_eq!(exports::inventory(store, Some("MAIN"), 0, 100).await.unwrap().len(), 4);

    let newest = exports::newest_movement(store).await.unwrap();
    let all = exports::movements(store, MovementFilter::default(), 0, newest)
        .await
        .unwrap();
    assert_eq!(all.len(), 7);
    let (first, rest) = (all[2].id, all[4].created_at);
    assert_eq!(
        exports::movements(store, MovementFilter::default(), first, newest)
            .await
            .unwrap()
            .len(),
        4
    );
    let some = MovementFilter {
        location: Some("MAIN"),
        from: Some(rest),
        until: None,
    };
    assert_eq!(exports::movements(store, some, 0, newest).await.unwrap().len(), 2);

    let lines = [("A-0", 1), ("A-2", 2)];
    for _ in 0..5 {
        let mut tx = database.begin();
        orders::create(&mut tx, &order(&lines, OnShortage::Reject))
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    let id = Uuid::now_v7();
    let batch = [message(id, order(&lines, OnShortage::Reject))];
    processing::process(store, &caller(), &batch, &[]).await.unwrap();
    let (mut after, mut read) = ((Timestamp::from_micros(0), Uuid::max()), Vec::new());
    loop {
        let rows = exports::orders(store, after, clock(), 2).await.unwrap();
        let Some(last) = rows.last() else { break };
        assert!(rows.len() <= 4);
        after = (last.created_at, last.order_id);
        read.extend(rows);
    }
    assert_eq!(read.len(), 12);
    assert!(read.is_sorted_by_key(|row| (row.created_at, row.order_id, row.line)));
    assert_eq!(
        read.last().map(|row| (row.order_id, row.sku.as_str(), row.reserved)),
        Some((id, "A-2", 2))
    );
}
