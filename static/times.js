// Shows times in the reader's time zone. Without this script they are in UTC.
const language = document.documentElement.lang;
const as = {
  moment: { dateStyle: "long", timeStyle: "short" },
  day: { dateStyle: "long" },
  time: { timeStyle: "short" },
};
for (const time of document.querySelectorAll("time[data-as]")) {
  const at = new Date(time.dateTime);
  if (time.dataset.as === "ago") time.title = new Intl.DateTimeFormat(language, as.moment).format(at);
  else time.textContent = new Intl.DateTimeFormat(language, as[time.dataset.as]).format(at);
}
