use std::collections::BTreeMap;

use kernel::Timestamp;

use super::*;
use crate::{
    page::{Inserted, Shell, head, html, widget},
    screens::View,
    texts::Texts,
    world::{Asked, Client, Database, Identifier, Other},
};
use model::login::{Method, Refusal, Transaction};

fn world(identifier_first: bool) -> World {
    World {
        client: Client { id: "client".into(), name: "Shop".into(), ..Client::default() },
        company: "Acme".into(),
        identifier_first,
        database: Some(Database {
            id: "con_1".into(),
            name: "Users".into(),
            identifiers: vec![Identifier::Email],
            signup: vec![Asked { identifier: Identifier::Email, is_required: true }],
            allows_signup: true,
            allows_reset: true,
            has_passwords: true,
            username_window: (1, 15),
            ..Database::default()
        }),
        ..World::default()
    }
}

fn begun() -> Transaction {
    Transaction {
        id: "t".repeat(32),
        request: LoginRequest { client_id: "client".into(), ..LoginRequest::default() },
        progress: Progress::default(),
        created: Timestamp::EPOCH,
        expires: Timestamp::from_seconds(3600),
    }
}

/// A user who fills in forms.
struct User {
    world: World,
    transaction: Transaction,
    path: String,
}

impl User {
    fn of(world: World) -> Self {
        let transaction = begun();
        let path = paths::start(&world, first(&world, &transaction.request));
        Self { world, transaction, path }
    }

    fn act(&mut self, act: impl FnOnce(&mut At<'_>, &str) -> Step) -> String {
        let mut at = At { world: &self.world, transaction: &mut self.transaction };
        let step = act(&mut at, &self.path);
        match step {
            Step::Go(path) => {
                self.path = path.clone();
                format!("go {path}")
            }
            Step::Show(Show { screen, faults, .. }) => {
                let faults = faults.iter().map(|fault| format!(" {}:{}", fault.field.unwrap_or("-"), fault.code));
                format!("show {screen}{}", faults.collect::<String>())
            }
            Step::Do(effect) => format!("{effect:?}"),
            Step::Leave(address) => format!("leave {address}"),
            Step::Resume => "resume".to_owned(),
            Step::Lost => "lost".to_owned(),
        }
    }

    fn visit(&mut self, path: &str) -> String {
        path.clone_into(&mut self.path);
        self.act(visit)
    }

    fn post<const N: usize>(&mut self, fields: [(&str, &str); N]) -> String {
        self.act(|at, path| post(at, path, &Form::from(fields)))
    }

    fn done(&mut self, outcome: Done) -> String {
        self.act(|at, path| done(at, path, outcome))
    }

    fn html(&mut self, faults: Vec<Fault>) -> String {
        let behaviour = screen_at(&self.path).unwrap();
        let show = Show { screen: behaviour.name(), faults, values: BTreeMap::new() };
        let texts = Texts::new("en", behaviour.name(), None).with("clientName", "Shop").with("companyName", "Acme");
        let variable = behaviour.variable(&self.world, &self.transaction);
        let texts = variable.into_iter().fold(texts, |texts, (name, value)| texts.with(name, value));
        let captcha = None;
        let state = "STATE".to_owned();
        let view = View { world: &self.world, transaction: &self.transaction, state, texts, show: &show, captcha };
        let (shell, page) = (Shell::default(), behaviour.page(&view));
        html(&shell, &page.title, &head(&shell), &widget(&shell, &page, &Inserted::default()))
    }
}

fn known() -> Authentication {
    Authentication {
        user_id: "auth0|1".into(),
        connection_id: "con_1".into(),
        connection: "Users".into(),
        strategy: "auth0".into(),
        methods: vec![Method { name: "pwd".into(), timestamp: Timestamp::EPOCH }],
        at: Timestamp::EPOCH,
        is_new: false,
        session_id: None,
    }
}

#[test]
fn identifier_and_password_are_asked_for_one_after_the_other() {
    let mut user = User::of(world(true));
    assert_eq!(user.path, "/u/login/identifier");
    assert_eq!(user.post([("username", "")]), "show login-id username:no-email");
    assert_eq!(user.post([("username", "jane")]), "show login-id username:invalid-email-format");
    assert_eq!(user.post([("username", " jane@x.com ")]), "go /u/login/password");
    assert_eq!(user.post([("password", "")]), "show login-password password:no-password");
    let asked = user.post([("username", "other@x.com"), ("password", "secret"), ("action", "default")]);
    assert!(asked.contains("identifier: \"jane@x.com\"") && !asked.contains("secret"), "{asked}");
    let refused = user.done(Done::Fault(Fault::at("password", "wrong-credentials")));
    assert_eq!(refused, "show login-password password:wrong-email-credentials");
    logged_in(user.act_progress(), "login-password", known());
    assert_eq!(user.visit("/u/login/password"), "resume");
    assert_eq!(user.post([("password", "again")]), "resume");
}

impl User {
    fn act_progress(&mut self) -> &mut Progress {
        &mut self.transaction.progress
    }
}

#[test]
fn one_page_asks_for_both() {
    let mut user = User::of(world(false));
    assert_eq!(user.path, "/u/login");
    assert_eq!(user.post([]), "show login username:no-email password:no-password");
    assert!(user.post([("username", "a@b.co"), ("password", "p")]).starts_with("LogIn"));
}

#[test]
fn a_page_that_needs_what_is_not_there_leads_back() {
    let mut user = User::of(world(true));
    assert_eq!(user.visit("/u/login/password"), "go /u/login/identifier");
    assert_eq!(user.visit("/u/signup/password"), "go /u/signup/identifier");
    assert_eq!(user.visit("/u/reset-password/email"), "go /u/reset-password/request");
    assert_eq!(user.visit("/u/consent"), "go /u/login/identifier");
    assert_eq!(user.visit("/u/nothing"), "go /u/login/identifier");
    assert_eq!(user.visit("/u/consent"), "go /u/login/identifier");
    assert_eq!(user.post([("action", "accept")]), "show login-id username:no-email");
}

#[test]
fn sign_up_is_offered_where_it_is_allowed() {
    let mut user = User::of(world(true));
    assert!(user.html(Vec::new()).contains("/u/signup/identifier?state=STATE"));
    assert_eq!(user.visit("/u/signup/identifier"), "show signup-id");
    assert_eq!(user.post([("email", "a@b.co")]), "go /u/signup/password");
    assert!(user.html(Vec::new()).contains("a@b.co"));
    let asked = user.post([("email", "other@b.co"), ("password", "p"), ("ulp-age", "7")]);
    assert!(asked.contains("a@b.co") && !asked.contains("other"), "{asked}");
    assert_eq!(user.transaction.progress.own_fields().get("ulp-age").and_then(|age| age.as_str()), Some("7"));
    user.world.database.as_mut().unwrap().allows_signup = false;
    assert_eq!(user.visit("/u/signup/identifier"), "go /u/login/identifier");
    assert!(!user.html(Vec::new()).contains("/u/signup"));
}

#[test]
fn an_address_is_verified_by_a_code_while_signing_up() {
    let mut user = User::of(world(true));
    user.world.database.as_mut().unwrap().verifies_email = true;
    user.visit("/u/signup/identifier");
    assert!(user.post([("email", "a@b.co")]).starts_with("SendCode"));
    assert_eq!(user.done(Done::Well), "go /u/email-identifier/challenge");
    assert_eq!(user.post([("code", "12")]), "show email-identifier-challenge code:invalid-otp-code-format");
    assert!(user.post([("code", "123 456")]).contains("123456"));
    let wrong = user.done(Done::Fault(Fault::at("code", "invalid-code")));
    assert_eq!(wrong, "show email-identifier-challenge code:invalid-code");
    assert!(user.post([("action", "resend-code")]).starts_with("SendCode"));
    assert_eq!(user.done(Done::Well), "go /u/email-identifier/challenge");
    user.post([("code", "123456")]);
    assert_eq!(user.done(Done::Well), "go /u/signup/password");
    assert!(user.post([("password", "p")]).contains("verified: [Email]"));
}

#[test]
fn user_names_keep_to_their_window() {
    let database = world(false).database.unwrap();
    let mut user = User::of(world(false));
    let asked = Asked { identifier: Identifier::Username, is_required: true };
    user.world.database = Some(Database { signup: vec![asked], username_window: (3, 5), ..database });
    user.visit("/u/signup");
    let refused = |user: &mut User, name: &str| user.post([("username", name), ("password", "p")]);
    assert_eq!(refused(&mut user, "ab"), "show signup username:invalid-username-min-length");
    assert_eq!(refused(&mut user, "abcdef"), "show signup username:invalid-username-max-length");
    assert_eq!(refused(&mut user, "a b"), "show signup username:invalid-username-invalid-characters");
    assert_eq!(refused(&mut user, "a@b.co"), "show signup username:invalid-username-email-not-allowed");
    assert!(refused(&mut user, "a-b").starts_with("SignUp"));
}

#[test]
fn a_reset_is_answered_alike_for_everybody() {
    let mut user = User::of(world(true));
    assert_eq!(user.visit("/u/login/password-reset-start/Users"), "go /u/reset-password/request/Users");
    assert!(user.post([("email", "a@b.co")]).starts_with("SendReset"));
    assert_eq!(user.done(Done::Well), "go /u/reset-password/email");
    assert!(user.html(Vec::new()).contains("a@b.co"));
    assert!(user.post([("action", "resend-email-action")]).starts_with("SendReset"));
    assert_eq!(user.done(Done::Well), "show reset-password-email");
}

#[test]
fn a_new_password_is_entered_twice() {
    let mut user = User::of(world(true));
    let progress = user.act_progress();
    progress.stage = Stage::Prompt;
    "reset-password".clone_into(&mut progress.screen);
    progress.shown = serde_json::json!({"ticket": "t"});
    assert_eq!(user.visit("/u/reset-password/change"), "show reset-password");
    let both = "show reset-password password-reset:no-password-reset re-enter-password:no-re-enter-password";
    assert_eq!(user.post([]), both);
    let fields = |new, again| [("password-reset", new), ("re-enter-password", again)];
    assert_eq!(user.post(fields("a", "b")), "show reset-password re-enter-password:password-mismatch");
    assert!(user.post(fields("a", "a")).starts_with("SetPassword"));
    assert_eq!(user.done(Done::Well), "go /u/reset-password/success");
    assert_eq!(user.visit("/u/reset-password/success"), "show reset-password-success");
    assert_eq!(user.visit("/u/reset-password/change"), "go /u/reset-password/success");
}

#[test]
fn consent_is_given_or_not() {
    for (action, expected) in [("accept", "accept"), ("deny", "deny"), ("decline", "deny")] {
        let mut user = User::of(world(true));
        let progress = user.act_progress();
        progress.stage = Stage::Prompt;
        "consent".clone_into(&mut progress.screen);
        progress.shown = serde_json::json!({"question": "consent", "scopes": [
            {"name": "openid"}, {"name": "read:x", "description": "Read <x>"},
        ]});
        assert_eq!(user.visit("/u/consent"), "show consent");
        let page = user.html(Vec::new());
        assert!(page.contains("Sign you in") && page.contains("read:x: Read &#60;x&#62;"), "{page}");
        assert_eq!(user.post([]), "show consent -:invalid-action");
        assert_eq!(user.post([("action", action)]), "resume");
        assert_eq!(user.transaction.progress.answers["consent"], expected);
        assert_eq!(user.visit("/u/consent"), "resume");
    }
}

#[test]
fn a_connection_that_is_not_served_shows_no_button_and_is_refused() {
    let mut user = User::of(world(true));
    user.world.others = vec![Other {
        name: "google".into(),
        display_name: "Google".into(),
        strategy: "google-oauth2".into(),
        has_button: false,
        domains: vec!["corp.example".into()],
    }];
    assert!(!user.html(Vec::new()).contains("Google"));
    assert_eq!(user.post([("connection", "google")]), "show login-id -:invalid-connection");
    assert_eq!(user.post([("username", "a@Corp.example")]), "show login-id username:invalid-connection");
}

#[test]
fn a_puzzle_is_solved_once() {
    let mut user = User::of(world(false));
    user.world.puzzles.password = true;
    let fields = |solution| [("username", "a@b.co"), ("password", "p"), ("captcha", solution)];
    let puzzle = || Some(model::login::Puzzle { id: "p1".into(), solution: "ABC|12".into() });
    user.act_progress().captcha = puzzle();
    assert_eq!(user.post(fields("x")), "show login captcha:invalid-captcha");
    user.act_progress().captcha = puzzle();
    assert!(user.post(fields(" ab C")).contains("puzzle: Some(\"p1\")"));
    assert_eq!(user.post(fields("ABC")), "show login captcha:invalid-captcha");
    user.act_progress().captcha = puzzle();
    assert!(user.post(fields("12")).starts_with("LogIn"));
}

#[test]
fn a_language_can_be_chosen() {
    let mut user = User::of(world(true));
    let fields = [("action", "change-language"), ("language", "de"), ("persist", "session")];
    assert_eq!(user.post(fields), "go /u/login/identifier");
    assert_eq!(user.transaction.progress.language.as_deref(), Some("de"));
}

#[test]
fn a_refusal_is_for_the_client_to_hear() {
    let mut user = User::of(world(false));
    user.post([("username", "a@b.co"), ("password", "p")]);
    let refusal = Refusal { error: "unauthorized".into(), description: "user is blocked".into() };
    assert_eq!(user.done(Done::Refused(refusal.clone())), "resume");
    assert_eq!(user.transaction.progress.refusal, Some(refusal));
    assert_eq!(user.visit("/u/login"), "resume");
}

/// What public tests of login pages look for.
#[test]
fn pages_keep_to_what_tests_of_them_depend_on() {
    let mut user = User::of(world(false));
    let page = user.html(vec![Fault::at("password", "wrong-email-credentials"), Fault::whole("user-blocked")]);
    for part in [
        "<title>Log in | Shop</title>",
        "<h1>Welcome</h1>",
        "<p>Log in to Acme to continue to Shop.</p>",
        "<main class=\"_widget login\">",
        "<section class=\"_prompt-box-outer ulp-login\">",
        "<form method=\"POST\" class=\"_form-login\" data-form-primary=\"true\"",
        "<input type=\"hidden\" name=\"state\" value=\"STATE\">",
        "<label id=\"username-label\" for=\"username\">Email address",
        "name=\"username\" id=\"username\" type=\"text\" inputmode=\"email\" autocomplete=\"email\"",
        "name=\"password\" id=\"password\" type=\"password\"",
        "autocomplete=\"current-password\"",
        "<span id=\"error-element-password\" class=\"ulp-input-error-message\" data-error-code=\"wrong-email-credentials\">",
        "Wrong email or password",
        "<div id=\"prompt-alert\" role=\"alert\" data-error-code=\"user-blocked\">",
        "name=\"action\" value=\"default\" class=\"_button-login\" data-action-button-primary=\"true\">Continue</button>",
        "<a href=\"/u/signup?state=STATE\">Sign up</a>",
        "/u/login/password-reset-start/Users?state=STATE\">Forgot password?</a>",
        "aria-invalid=\"true\" aria-describedby=\"error-element-password\"",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    assert_eq!(page.matches("value=\"default\"").count(), 1);
}

#[test]
fn what_was_entered_cannot_become_markup() {
    let mut user = User::of(world(true));
    let evil = "\"><script>alert(1)</script>@b.co";
    user.transaction.request.login_hint = Some(evil.into());
    user.world.client.name = evil.into();
    let page = user.html(Vec::new());
    assert!(!page.contains("<script>alert"), "{page}");
}

#[test]
fn every_page_at_every_stage_leads_somewhere() {
    let paths: Vec<&str> = SCREENS.iter().filter_map(|screen| screen.path).collect();
    let stages = [Stage::Entry, Stage::Prompt, Stage::Resume, Stage::Finished];
    let actions = ["", "default", "accept", "deny", "resend-code", "back-action", "resend-email-action", "x"];
    for stage in stages {
        for screen in SCREENS.iter().filter(|screen| screen.path.is_some()) {
            for path in &paths {
                for action in actions {
                    let mut user = User::of(world(true));
                    user.transaction.progress.stage = stage;
                    screen.name.clone_into(&mut user.transaction.progress.screen);
                    // What is asked between the login and the tokens is still to be answered.
                    user.transaction.request.organization_prompt = (stage == Stage::Prompt).then(Default::default);
                    let seen = user.visit(path);
                    let is_over = matches!(stage, Stage::Resume | Stage::Finished);
                    assert_eq!(seen == "resume", is_over, "{stage:?} {} {path}", screen.name);
                    user.path = (*path).to_owned();
                    user.post([("action", action), ("username", "a@b.co"), ("email", "a@b.co")]);
                }
            }
        }
    }
}
