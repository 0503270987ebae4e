// The classic login page: three forms, of which one is shown, and the endpoints that they speak to.
(() => {
  const main = document.querySelector("main");
  const bytes = Uint8Array.from(atob(main.dataset.config), (letter) => letter.charCodeAt(0));
  const config = JSON.parse(new TextDecoder().decode(bytes));
  const told = document.getElementById("told");
  const forms = [...document.querySelectorAll("form")];
  const connection = config.connection || main.dataset.connection;

  const tell = (text, isWell) => {
    told.hidden = !text;
    told.id = isWell ? "told" : "prompt-alert";
    told.querySelector("p").textContent = text || "";
  };

  const post = (path, body) =>
    fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json, text/html" },
      body: JSON.stringify(body),
    });

  // A puzzle is asked for anew whenever a form is shown or refused.
  const challenge = async (form) => {
    const container = form.querySelector("[data-challenge]");
    const response = await post(container.dataset.challenge, { state: config.extraParams.state });
    const { required, image, question } = response.ok ? await response.json() : {};
    container.hidden = !required;
    const input = container.querySelector("input");
    input.required = Boolean(required);
    input.value = "";
    if (!required) return;
    container.querySelector("img").src = image;
    container.querySelector("p").textContent = question;
  };

  const show = (id) => {
    for (const form of forms) form.hidden = form.id !== id;
    const form = document.getElementById(id);
    (form.querySelector("input:not([value]),input[value='']") || form.querySelector("input")).focus();
    challenge(form).catch(() => {});
  };

  const logIn = async (fields) => {
    const { extraParams, clientID, callbackURL, auth0Tenant } = config;
    const body = { ...extraParams, ...fields, connection, client_id: clientID, redirect_uri: callbackURL, tenant: auth0Tenant };
    const response = await post("/usernamepassword/login", body);
    if (!response.ok) return response;
    const place = document.createElement("div");
    place.innerHTML = await response.text();
    document.body.append(place);
    place.querySelector("form").submit();
    return null;
  };

  const send = {
    login: ({ email, username, password, captcha }) => logIn({ username: username || email, password, captcha }),
    signup: async ({ email, username, password, captcha }) => {
      const { state } = config.extraParams;
      const response = await post("/dbconnections/signup", { client_id: config.clientID, connection, state, email, username, password, captcha });
      return response.ok ? logIn({ username: email, password }) : response;
    },
    reset: async ({ email, captcha }) => {
      const { state } = config.extraParams;
      const response = await post("/dbconnections/change_password", { client_id: config.clientID, connection, state, email, captcha });
      if (!response.ok) return response;
      tell(await response.text(), true);
      show("login");
      return null;
    },
  };

  const words = async (response) => {
    const body = await response.json().catch(() => ({}));
    const text = [body.friendly_message, body.description, body.message, body.error, body.policy].find((text) => typeof text === "string");
    return text || response.statusText;
  };

  for (const form of forms) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = form.querySelector("button");
      if (button.getAttribute("aria-busy") === "true") return;
      button.setAttribute("aria-busy", "true");
      tell("");
      try {
        const refused = await send[form.id](Object.fromEntries(new FormData(form)));
        if (refused) {
          tell(await words(refused));
          await challenge(form);
        }
      } catch (error) {
        tell(String(error.message || error));
      }
      button.removeAttribute("aria-busy");
    });
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-show]");
    if (!link) return;
    event.preventDefault();
    tell("");
    show(link.dataset.show);
  });
  show(forms.find((form) => !form.hidden).id);
})();
