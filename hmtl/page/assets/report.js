// Lights up the mentions of a cluster together.
for (const type of ["mouseover", "focusin"]) document.addEventListener(type, (event) => {
  for (const element of document.querySelectorAll(".lit")) element.classList.remove("lit");
  const chosen = event.target.closest("[data-cluster]");
  if (!chosen) return;
  const cluster = `[data-cluster="${chosen.dataset.cluster}"]`;
  for (const element of chosen.closest("article").querySelectorAll(cluster)) element.classList.add("lit");
});
