//! The most specific path pattern that fits a path.
//!
//! One [`Trie`] holds the patterns of a host. A path is walked by segment; at each step a literal
//! goes before `*` and `*` before `**`, and where a branch leads nowhere the next one is tried. A
//! node has one way in, so that no walk visits more nodes than the patterns have segments.

use std::collections::HashMap;

use super::catalogue::PathRule;
use super::path::CanonicalPath;

/// Where a route is: its resource, and its place among that resource's routes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct RouteAt {
    /// Index of the resource.
    pub resource: usize,
    /// Index of the route within the resource.
    pub route: usize,
}

/// One piece of a pattern.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Piece {
    /// A segment, decoded.
    Literal(String),
    /// `*`: any one segment that is not empty.
    One,
    /// `**`: any segments, and none; always the last piece.
    Rest,
}

/// A path pattern: `/`, then pieces joined by `/`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pattern {
    pieces: Vec<Piece>,
}

impl Pattern {
    /// Reads a pattern; on error says what is wrong with it.
    pub fn read(text: &str) -> Result<Self, &'static str> {
        if !text.starts_with('/') {
            return Err("a path pattern must begin with `/`");
        }
        if CanonicalPath::read_path(text, PathRule::Refuse).is_err() {
            return Err(
                "a path pattern must be canonical: no query, fragment, `//`, dot segment, \
                 `;`, `\\` or escaped separator, valid escapes, other than visible ASCII escaped",
            );
        }
        let mut pieces = Vec::new();
        for segment in text.strip_prefix('/').unwrap_or_default().split('/') {
            if pieces.last() == Some(&Piece::Rest) {
                return Err("`**` may stand only as the last segment");
            }
            pieces.push(match segment {
                "*" => Piece::One,
                "**" => Piece::Rest,
                _ if segment.contains('*') => {
                    return Err("`*` must be a whole segment; write a literal asterisk as `%2A`");
                }
                _ => Piece::Literal(decode_segment(segment)?),
            });
        }
        Ok(Self { pieces })
    }

    /// Its pieces, at least one.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Whether it fits one path only.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, Piece::Literal(_)))
    }
}

fn decode_segment(segment: &str) -> Result<String, &'static str> {
    let path = format!("/{segment}");
    let path = CanonicalPath::read_path(&path, PathRule::Refuse)
        .map_err(|_| "a segment of the path pattern is not canonical")?;
    Ok(path.segments().to_owned())
}

#[derive(Debug, Default)]
struct Node {
    literals: HashMap<Box<str>, usize>,
    one: Option<usize>,
    /// Routes whose pattern ends here.
    here: Vec<RouteAt>,
    /// Routes whose pattern ends here with `**`.
    rest: Vec<RouteAt>,
}

/// The patterns of one host.
#[derive(Debug)]
pub struct Trie {
    // The first node is the root; there always is one.
    nodes: Vec<Node>,
}

impl Default for Trie {
    fn default() -> Self {
        Self { nodes: vec![Node::default()] }
    }
}

impl Trie {
    /// Adds a route under a pattern and returns all routes that have this very pattern.
    pub fn insert(&mut self, pattern: &Pattern, route: RouteAt) -> &[RouteAt] {
        let mut at = 0;
        let mut rest = false;
        for piece in pattern.pieces() {
            let next = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else { return &[] };
            let child = match piece {
                Piece::Rest => {
                    rest = true;
                    break;
                }
                Piece::One => *node.one.get_or_insert(next),
                Piece::Literal(text) => match node.literals.get(text.as_str()) {
                    Some(child) => *child,
                    None => *node.literals.entry(text.as_str().into()).or_insert(next),
                },
            };
            if child == next {
                self.nodes.push(Node::default());
            }
            at = child;
        }
        let Some(node) = self.nodes.get_mut(at) else { return &[] };
        let routes = if rest { &mut node.rest } else { &mut node.here };
        if !routes.contains(&route) {
            routes.push(route);
        }
        routes
    }

    /// The routes of the most specific pattern that fits; empty where none does.
    #[must_use]
    pub fn find(&self, path: &CanonicalPath<'_>) -> &[RouteAt] {
        self.walk(0, Some(path.segments())).unwrap_or_default()
    }

    /// `segments` is what is left of the path, `None` behind its last segment. Recurses at most
    /// [`super::path::MAX_SEGMENTS`] deep.
    fn walk(&self, at: usize, segments: Option<&str>) -> Option<&[RouteAt]> {
        let node = self.nodes.get(at)?;
        let Some(segments) = segments else {
            return [&node.here, &node.rest]
                .into_iter()
                .find(|routes| !routes.is_empty())
                .map(Vec::as_slice);
        };
        let (segment, left) = match segments.split_once('/') {
            Some((segment, left)) => (segment, Some(left)),
            None => (segments, None),
        };
        if let Some(found) = node.literals.get(segment).and_then(|child| self.walk(*child, left)) {
            return Some(found);
        }
        if !segment.is_empty()
            && let Some(found) = node.one.and_then(|child| self.walk(child, left))
        {
            return Some(found);
        }
        if node.rest.is_empty() { None } else { Some(&node.rest) }
    }
}

#[cfg(test)]
mod tests;
