exports.onExecutePostLogin = async (event, api) => {
  api.idToken.setCustomClaim("https://acme.example.com/tier", event.secrets.TIER);
};
