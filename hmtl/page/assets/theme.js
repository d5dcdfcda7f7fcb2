// Light or dark, as the system has it or as somebody chose.

const THEMES = ["auto", "light", "dark"];

function storedTheme() {
  try {
    return THEMES.includes(localStorage.getItem("hmtl-theme")) ? localStorage.getItem("hmtl-theme") : "auto";
  } catch {
    return "auto"; // storage may be forbidden
  }
}

function setTheme(theme, button) {
  document.documentElement.dataset.theme = theme;
  button.textContent = `Theme: ${theme}`;
  try {
    localStorage.setItem("hmtl-theme", theme);
  } catch {
    // for this time only, then
  }
}

function themeButton(button) {
  button.hidden = false;
  setTheme(storedTheme(), button);
  button.addEventListener("click", () => {
    const now = THEMES.indexOf(document.documentElement.dataset.theme);
    setTheme(THEMES[(now + 1) % THEMES.length], button);
  });
}

themeButton(document.getElementById("theme"));
