(() => {
  const page = { "x-aught-page": document.querySelector("main").dataset.page };
  const clear = document.getElementById("clear");
  clear.hidden = false;
  clear.addEventListener("click", async () => {
    await fetch("/_aught/outbox", { method: "DELETE", headers: page });
    location.assign("/_aught/outbox");
  });
  const query = new URLSearchParams(location.search);
  const chosen = query.has("id");
  const known = document.querySelector("main").dataset.latest;
  const since = new Date().toISOString();
  const look = async () => {
    const to = query.get("to") ? `&to=${encodeURIComponent(query.get("to"))}` : "";
    const answer = await fetch(`/_aught/outbox?wait=25&since=${since}${to}`, { headers: { ...page, accept: "application/json" } });
    const { messages } = await answer.json();
    if (!messages.length || messages[0].id === known) return false;
    if (chosen) document.getElementById("news").textContent = "A new message has come. Reload the page to see it.";
    else location.reload();
    return true;
  };
  const follow = async () => {
    for (;;) {
      try {
        if (await look()) return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 2000));
      }
    }
  };
  follow();
})();
