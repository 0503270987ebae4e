// The browser of this suite: Chromium at its usual place, or what CHROMIUM names.

/** What starts it. */
export const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
/** What it needs to run within containers. */
export const args = ["--no-sandbox", "--disable-dev-shm-usage"];
