// The filter of a search. A choice is searched for at once; what is typed waits until it is submitted. On phones the filters are a sheet over the
// page, which works without this: here it keeps the focus inside, and closes once somebody asks to see the machines.
(() => {
  "use strict";
  const form = document.getElementById("filter");
  const sheet = form.querySelector("details");
  const narrow = matchMedia("(max-width: 40rem)");
  const covers = () => narrow.matches && sheet.open;

  function setReach() {
    for (let one = form; one !== document.body; one = one.parentElement)
      for (const beside of one.parentElement.children) if (beside !== one) beside.inert = covers();
  }

  function close() {
    sheet.open = false;
    setReach(); // at once: the focus has to come from what is out of reach until then
    sheet.querySelector("summary").focus({ preventScroll: true });
  }

  function showResults() {
    if (!covers()) return;
    close();
    document.getElementById("offers").scrollIntoView();
  }

  sheet.addEventListener("toggle", setReach);
  narrow.addEventListener("change", setReach);
  form.addEventListener("submit", showResults);
  document.addEventListener("keydown", (event) => event.key === "Escape" && covers() && close());
  // What is ticked to be compared stays so while somebody goes on searching.
  form.addEventListener("htmx:configRequest", (event) => {
    for (const one of document.querySelectorAll("#offers [name=with]:checked, #compare [type=hidden][name=with]")) event.detail.formData.append("with", one.value);
  });
  // A browser says "change" of a field when it loses the focus, also to the button that shows what is new. The sheet has no such button, and says how
  // many machines there are.
  form.addEventListener(
    "change",
    (event) => {
      if (event.target.matches("input:not([type=date])") && !covers()) event.stopImmediatePropagation();
    },
    true,
  );
})();
