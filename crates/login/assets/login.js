(function () {
  "use strict";
  var all = function (selector, root) { return Array.prototype.slice.call((root || document).querySelectorAll(selector)); };
  var set = function (id, value) { var field = document.getElementById(id); if (field) field.value = String(value); };

  // What this browser can do.
  set("js-available", true);
  set("webauthn-available", !!window.PublicKeyCredential);
  set("is-brave", !!navigator.brave);
  if (window.PublicKeyCredential && PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable) {
    PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable().then(
      function (is) { set("webauthn-platform-available", is); }, function () {});
  }

  // Passwords can be shown.
  all("[data-action=toggle]").forEach(function (button) {
    button.hidden = false;
    button.addEventListener("click", function () {
      var field = button.parentNode.querySelector("input");
      var shows = field.type === "password";
      field.type = shows ? "text" : "password";
      button.setAttribute("aria-checked", String(shows));
      button.querySelector(".show-password-tooltip").hidden = shows;
      button.querySelector(".hide-password-tooltip").hidden = !shows;
    });
  });

  // Rules of passwords are marked while one types.
  var chosen = document.querySelector("#password[autocomplete=new-password], #password-reset");
  if (chosen) {
    var judge = function () {
      all(".password-rules [data-pattern]").forEach(function (rule) {
        rule.setAttribute("data-passes", String(new RegExp(rule.getAttribute("data-pattern"), "u").test(chosen.value)));
      });
    };
    chosen.addEventListener("input", judge);
    judge();
  }

  // Faults are announced, and empty fields noticed before the form is sent.
  var announcer = document.getElementById("ulp-error-announcer");
  var announce = function (texts) { if (announcer && texts.length) announcer.textContent = texts.join(" "); };
  setTimeout(function () {
    announce(all(".ulp-input-error-message").map(function (fault) { return fault.textContent.trim(); }));
  }, 200);
  var checks = {
    ulpRequiredFunction: function (field) { return field.value !== ""; },
    ulpEmailFunction: function (field) { return field.value === "" || /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(field.value); }
  };
  var faultsOf = function (form) {
    var first = null, texts = [];
    all("[data-ulp-validation-function]", form).forEach(function (fault) {
      var wrapper = fault.parentNode, field = wrapper.querySelector("input");
      var check = checks[fault.getAttribute("data-ulp-validation-function")];
      var fails = !!(check && field && !check(field));
      fault.hidden = !fails;
      fault.classList.toggle("ulp-validator-error", fails);
      if (fails) {
        fault.setAttribute("data-is-error", "true");
        wrapper.querySelector(".ulp-field").classList.add("ulp-error");
        field.setAttribute("aria-invalid", "true");
        field.setAttribute("aria-describedby", fault.id);
        texts.push(fault.textContent);
        first = first || field;
      } else {
        fault.removeAttribute("data-is-error");
      }
    });
    announce(texts);
    return first;
  };

  // A form is sent once.
  all("form").forEach(function (form) {
    var isSent = false;
    form.noValidate = true;
    form.addEventListener("submit", function (event) {
      var faulty = form.getAttribute("data-form-primary") ? faultsOf(form) : null;
      if (faulty || isSent) {
        event.preventDefault();
        if (faulty) faulty.focus();
        return;
      }
      isSent = true;
      all("button[type=submit]", form).forEach(function (button) { button.setAttribute("aria-busy", "true"); });
    });
    window.addEventListener("pageshow", function (event) {
      if (!event.persisted) return;
      isSent = false;
      all("button[type=submit]", form).forEach(function (button) { button.removeAttribute("aria-busy"); });
    });
  });

  // A link that was followed by a person is redeemed without another click.
  var redeem = document.querySelector("form._form-redeem-ticket");
  if (redeem) redeem.submit();
})();
