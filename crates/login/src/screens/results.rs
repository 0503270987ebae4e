//! Pages that tell a result, and the one that redeems a ticket.

use super::{
    Behaviour, View, parts,
    reset::{self, FAILURE},
};
use crate::{
    form::Form,
    page::Page,
    step::{At, Show, Step},
};

/// A page that only tells something.
pub(super) struct Told {
    name: &'static str,
    icon: &'static str,
    page: fn(&View<'_>, &mut Page),
}

pub(super) static RESET_SUCCESS: Told = Told {
    name: "reset-password-success",
    icon: "success-lock",
    page: |view, page| {
        page.heading = view.text("eventTitle");
        page.button = reset::back(view, "buttonText");
    },
};

pub(super) static RESET_ERROR: Told = Told {
    name: "reset-password-error",
    icon: "error-cross",
    page: |view, page| {
        let why = view.transaction.progress.fields.get(FAILURE).map_or("", String::as_str);
        let (title, description) = match why {
            "auth0-users-expired-ticket" => ("eventTitleExpired", "descriptionExpired"),
            "auth0-users-used-ticket" => ("eventTitleUsed", "descriptionUsed"),
            _ => ("eventTitleGeneric", "descriptionGeneric"),
        };
        page.heading = view.text(title);
        page.description = match view.transaction.progress.fields.get(reset::REASON) {
            Some(reason) if why == reset::DENIED => vec![reason.clone()],
            _ => vec![view.text(description)],
        };
        page.button = reset::back(view, "backToLoginLinkText");
    },
};

pub(super) static LOGOUT_COMPLETE: Told = Told { name: "logout-complete", icon: "success-lock", page: |_, _| {} };
pub(super) static LOGOUT_ABORTED: Told = Told { name: "logout-aborted", icon: "error-denied", page: |_, _| {} };

pub(super) static UNBLOCKED: Told = Told {
    name: "brute-force-protection-unblock-success",
    icon: "success-lock",
    page: |view, page| {
        page.heading = view.text("eventTitle");
        page.button = reset::back(view, "buttonText");
    },
};
pub(super) static NOT_UNBLOCKED: Told = Told {
    name: "brute-force-protection-unblock-failure",
    icon: "error-cross",
    page: |view, page| {
        page.alert = None;
        page.heading = view.text("eventTitle");
        let code = view.show.faults.first().map_or("", |fault| fault.code.as_str());
        let is_expired = code == "auth0-users-expired-ticket";
        page.description = vec![view.text(if is_expired { "descriptionExpired" } else { "description" })];
        page.button = reset::back(view, "buttonText");
    },
};

impl Behaviour for Told {
    fn name(&self) -> &'static str {
        self.name
    }

    fn post(&self, _: &mut At<'_>, _: &Form) -> Step {
        Step::Show(Show::of(self.name))
    }

    fn page(&self, view: &View<'_>) -> Page {
        let mut page = view.page(self.name);
        page.icon = Some(self.icon);
        (self.page)(view, &mut page);
        page
    }
}

/// What came of the link in a mail that verifies an address.
pub(super) struct EmailVerification;

impl Behaviour for EmailVerification {
    fn name(&self) -> &'static str {
        "email-verification-result"
    }

    fn post(&self, _: &mut At<'_>, _: &Form) -> Step {
        Step::Show(Show::of(self.name()))
    }

    fn page(&self, view: &View<'_>) -> Page {
        let mut page = view.page(self.name());
        let code = view.show.faults.first().map(|fault| fault.code.as_str());
        let (title, description) = match code {
            None => ("verifiedTitle", "verifiedDescription"),
            Some("already-verified") => ("verifiedTitle", "alreadyVerifiedDescription"),
            Some("invalid-ticket") => ("errorTitle", "invalidAccountOrCodeDescription"),
            Some(code @ ("auth0-users-expired-ticket" | "auth0-users-used-ticket")) => ("errorTitle", code),
            Some(_) => ("errorTitle", "unknownErrorDescription"),
        };
        let is_well = title == "verifiedTitle";
        page.icon = Some(if is_well { "success-email" } else { "error-cross" });
        page.alert = None;
        page.heading = view.text(title);
        page.description = vec![view.text(description)];
        page.button = reset::back(view, "buttonText");
        page
    }
}

/// A page that sends itself, so that whatever only looks at a link in a mail uses nothing up.
pub(super) struct Opened {
    name: &'static str,
    /// Key of the heading.
    heading: &'static str,
}

/// The link in a mail about a block was opened.
pub(super) static UNBLOCK: Opened = Opened { name: "brute-force-protection-unblock", heading: "eventTitle" };
/// A ticket's link was opened.
pub(super) static REDEEM_TICKET: Opened = Opened { name: "redeem-ticket", heading: "buttonText" };

impl Behaviour for Opened {
    fn name(&self) -> &'static str {
        self.name
    }

    fn post(&self, _: &mut At<'_>, _: &Form) -> Step {
        Step::Show(Show::of(self.name))
    }

    fn page(&self, view: &View<'_>) -> Page {
        let mut page = view.page(self.name);
        page.heading = view.text(self.heading);
        page.form = Some(parts::form(view));
        page
    }
}

/// A dead end.
pub(super) struct Status;

impl Behaviour for Status {
    fn name(&self) -> &'static str {
        "status"
    }

    fn post(&self, _: &mut At<'_>, _: &Form) -> Step {
        Step::Show(Show::of(self.name()))
    }

    fn page(&self, view: &View<'_>) -> Page {
        let mut page = view.page(self.name());
        page.icon = Some("error-cross");
        page.heading = view.text("passwordless-no-session-title");
        page.title.clone_from(&page.heading);
        let start = view.world.client.initiate_login_uri.clone();
        let text = view.text("passwordless-no-session-link");
        page.button = start.map(|href| crate::page::Link { text, href });
        page
    }
}
