//! The documents: every link between them leads somewhere, and every page can be found from the README.

use inventory_tests::running::root;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path, PathBuf},
};

/// Folders with other people's files, or with what is built.
const NOT_OURS: [&str; 4] = ["target", "node_modules", ".git", ".terraform"];

/// A page: where its links lead, and what can be linked to in it.
struct Page {
    links: Vec<String>,
    anchors: BTreeSet<String>,
}

/// All pages by their path from the root.
fn pages() -> BTreeMap<PathBuf, Page> {
    let root = root().canonicalize().unwrap();
    let mut pages = BTreeMap::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !NOT_OURS.contains(&name) {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                let text = std::fs::read_to_string(&path).unwrap();
                pages.insert(path.strip_prefix(&root).unwrap().to_owned(), page(&text));
            }
        }
    }
    pages
}

fn page(text: &str) -> Page {
    let mut links = Vec::new();
    let mut anchors = BTreeSet::new();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                links.push(dest_url.into_string());
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                let first = anchor(&heading.take().unwrap_or_default());
                let mut unique = first.clone();
                for number in 1.. {
                    if anchors.insert(unique) {
                        break;
                    }
                    unique = format!("{first}-{number}");
                }
            }
            _ => {}
        }
    }
    Page { links, anchors }
}

/// The anchor that a heading gets: small letters, `-` for spaces, no punctuation.
fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter_map(|letter| match letter {
            ' ' => Some('-'),
            '-' | '_' => Some(letter),
            _ => letter.is_alphanumeric().then_some(letter),
        })
        .collect()
}

/// The path from the root, where `link` in the page `from` leads to; none where it leads out of the repository.
fn resolve(from: &Path, link: &str) -> Option<PathBuf> {
    let mut path = if link.is_empty() {
        return Some(from.to_owned());
    } else {
        from.parent()?.to_owned()
    };
    for part in Path::new(link).components() {
        match part {
            Component::Normal(part) => path.push(part),
            Component::ParentDir => {
                if !path.pop() {
                    return None;
                }
            }
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

/// What is wrong with a link, if anything is.
fn fault(pages: &BTreeMap<PathBuf, Page>, from: &Path, link: &str) -> Option<String> {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let Some(target) = resolve(from, path) else {
        return Some("leads out of the repository".to_owned());
    };
    if !root().join(&target).exists() {
        return Some(format!("there is no {}", target.display()));
    }
    let known = pages.get(&target).is_some_and(|page| page.anchors.contains(anchor));
    (!anchor.is_empty() && !known).then(|| format!("{} has no heading #{anchor}", target.display()))
}

fn is_elsewhere(link: &str) -> bool {
    ["https://", "http://", "mailto:"]
        .iter()
        .any(|scheme| link.starts_with(scheme))
}

#[test]
fn no_link_is_dead() {
    let pages = pages();
    let mut dead = Vec::new();
    let mut checked = 0;
    for (from, page) in &pages {
        for link in page.links.iter().filter(|link| !is_elsewhere(link)) {
            checked += 1;
            if let Some(fault) = fault(&pages, from, link) {
                dead.push(format!("{}: {link}: {fault}", from.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
    assert!(checked > 30, "only {checked} links found");
}

#[test]
fn every_page_can_be_found_from_the_readme() {
    let pages = pages();
    let mut found = BTreeSet::new();
    let mut to_read = vec![PathBuf::from("README.md")];
    while let Some(path) = to_read.pop() {
        if let Some(page) = pages.get(&path)
            && found.insert(path.clone())
        {
            for link in page.links.iter().filter(|link| !is_elsewhere(link)) {
                let target = link.split('#').next().unwrap_or_default();
                to_read.extend(resolve(&path, target).map(|target| {
                    // A link to a folder shows its README.
                    let readme = target.join("README.md");
                    if pages.contains_key(&readme) { readme } else { target }
                }));
            }
        }
    }
    let lost: Vec<_> = pages
        .keys()
        .filter(|path| path.starts_with("docs") && !found.contains(*path))
        .collect();
    assert!(lost.is_empty(), "no page leads to {lost:?}");
}

#[test]
fn dead_links_are_found() {
    let text =
        "# One `two`, three\n# One `two`, three\n[a](#one-two-three) [b](b.md#x) ![c](d.svg)\n```\n[no](link)\n```\n";
    let page = page(text);
    assert_eq!(page.links, ["#one-two-three", "b.md#x", "d.svg"]);
    let anchors: Vec<_> = page.anchors.iter().map(String::as_str).collect();
    assert_eq!(anchors, ["one-two-three", "one-two-three-1"]);

    let pages = BTreeMap::from([(PathBuf::from("README.md"), page)]);
    let fault = |from, link| fault(&pages, Path::new(from), link);
    assert_eq!(fault("README.md", "#one-two-three"), None);
    assert_eq!(fault("docs/a.md", "../README.md#one-two-three-1"), None);
    assert_eq!(fault("docs/a.md", "../Cargo.toml"), None);
    for (from, link) in [
        ("README.md", "#four"),
        ("docs/a.md", "README.md"),
        ("docs/a.md", "../../README.md"),
        ("README.md", "/etc/hostname"),
        ("README.md", "Cargo.toml#one"),
    ] {
        assert!(fault(from, link).is_some(), "{link}");
    }
}
