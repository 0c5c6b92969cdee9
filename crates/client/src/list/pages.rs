//! A list that comes in pages.

use std::{collections::VecDeque, fmt};

use reqwest::{Method, Request};
use serde::de::DeserializeOwned;

use crate::{Client, Error, request};

/// How much of a page is read.
const PAGE_BYTES_MAX: usize = 64 << 20;

/// What an endpoint lists, a page of it at a time.
pub(super) struct Pages<T> {
    client: Client,
    endpoint: &'static str,
    parameters: Vec<(&'static str, String)>,
    page: VecDeque<T>,
    next: Next,
}

/// Where the next page begins.
enum Next {
    Start,
    After(String),
    End,
}

/// A page as it is sent.
pub(super) trait Page: DeserializeOwned {
    type Item;

    /// What is on it, and where the next one begins.
    fn split(self) -> (Vec<Self::Item>, Option<String>);
}

impl<T> Pages<T> {
    pub(super) fn new(client: Client, endpoint: &'static str) -> Self {
        Pages {
            client,
            endpoint,
            parameters: Vec::new(),
            page: VecDeque::new(),
            next: Next::Start,
        }
    }

    pub(super) fn parameter(&mut self, name: &'static str, value: String) {
        self.parameters.push((name, value));
    }

    /// One that a hub takes once.
    pub(super) fn only_parameter(&mut self, name: &'static str, value: String) {
        self.parameters.retain(|(given, _)| *given != name);
        self.parameter(name, value);
    }

    /// The next item, if it is there already.
    #[cfg(feature = "blocking")]
    pub(super) fn ready(&mut self) -> Option<T> {
        self.page.pop_front()
    }

    /// The next item; asks for the next page if none is left of this one.
    pub(super) async fn next<P: Page<Item = T>>(&mut self) -> Result<Option<T>, Error> {
        while self.page.is_empty() {
            let after = match &self.next {
                Next::Start => None,
                Next::After(after) => Some(after.as_str()),
                Next::End => return Ok(None),
            };
            let (page, next) = self.ask::<P>(after).await?.split();
            self.page = page.into();
            self.next = next.map_or(Next::End, Next::After);
        }
        Ok(self.page.pop_front())
    }

    pub(super) async fn all<P: Page<Item = T>>(&mut self) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        while let Some(item) = self.next::<P>().await? {
            all.push(item);
            all.extend(self.page.drain(..));
        }
        Ok(all)
    }

    async fn ask<P: Page>(&self, after: Option<&str>) -> Result<P, Error> {
        let mut url = request::api(self.client.base(), self.endpoint);
        {
            let mut query = url.query_pairs_mut();
            query.extend_pairs(&self.parameters);
            query.extend_pairs(after.map(|after| ("after", after)));
        }
        let answer = self.client.ask(Request::new(Method::GET, url), PAGE_BYTES_MAX).await?;
        if answer.body.len() >= PAGE_BYTES_MAX {
            return Err(Error::too_large(format!(
                "a page of the list is over {PAGE_BYTES_MAX} bytes: ask for less at a time by page_len"
            )));
        }
        serde_json::from_slice(&answer.body).map_err(|_| Error::nonsense(&answer, "a page of a list"))
    }
}

impl<T> fmt::Debug for Pages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("endpoint", &self.endpoint)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}
