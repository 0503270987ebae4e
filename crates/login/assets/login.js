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
  var isEmail = function (field) { return field.value === "" || /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(field.value); };
  var checks = {
    ulpRequiredFunction: function (field, isSent) { return !isSent || (field.type === "checkbox" ? field.checked : field.value !== ""); },
    ulpEmailFunction: isEmail,
    ulpEmailValidationFunction: isEmail
  };
  var ofTenant = function (name) { return typeof window[name] === "function" ? window[name] : null; };
  // Judges what one element of a fault is about; gives the field that is wrong.
  var judged = function (fault, isSent, event) {
    var name = fault.getAttribute("data-ulp-validation-function");
    var wrapper = fault.parentNode, field = wrapper.querySelector("input:not([type=hidden]),select,textarea");
    var check = checks[name] || ofTenant(name);
    if (!check || !field) {
      console.warn("nothing validates " + name);
      return null;
    }
    var fails = !check(field, isSent, event);
    fault.hidden = !fails;
    fault.classList.toggle("ulp-validator-error", fails);
    (wrapper.classList.contains("ulp-field") ? wrapper : wrapper.querySelector(".ulp-field")).classList.toggle("ulp-error", fails);
    if (fails) {
      fault.id = fault.id || "error-cs-" + field.name;
      fault.setAttribute("data-is-error", "true");
      field.setAttribute("aria-invalid", "true");
      field.setAttribute("aria-describedby", fault.id);
      return field;
    }
    if (fault.hasAttribute("data-is-error")) field.removeAttribute("aria-invalid");
    fault.removeAttribute("data-is-error");
    return null;
  };
  var validated = function (form) { return all("[data-ulp-validation-function]", form); };
  var faultsOf = function (form) {
    var first = null, texts = [];
    validated(form).forEach(function (fault) {
      var field = judged(fault, true);
      if (field) {
        texts.push(fault.textContent);
        first = first || field;
      }
    });
    announce(texts);
    return first;
  };

  // A form is sent once.
  all("form").forEach(function (form) {
    var isSent = false, isTried = false;
    form.noValidate = true;
    validated(form).forEach(function (fault) {
      var field = fault.parentNode.querySelector("input:not([type=hidden]),select,textarea");
      (fault.getAttribute("data-ulp-validation-event-listeners") || "").split(",").forEach(function (name) {
        if (field && name.trim()) field.addEventListener(name.trim(), function (event) { judged(fault, isTried, event); });
      });
    });
    form.addEventListener("submit", function (event) {
      isTried = true;
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
