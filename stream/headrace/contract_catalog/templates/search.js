"use strict";
const box = document.getElementById("search");
if (box) {
  const rows = [...document.querySelectorAll("tr[data-words]")];
  const count = document.getElementById("count");
  const show = () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      row.hidden = !words.every((word) => row.dataset.words.includes(word));
    }
    count.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
  };
  box.hidden = false;
  box.addEventListener("input", show);
  show();
}
