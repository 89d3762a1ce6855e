// Shows times in the reader's time zone. Without this script they are in UTC.
const language = document.documentElement.lang;
const as = {
  moment: { dateStyle: "long", timeStyle: "short" },
  day: { dateStyle: "long" },
  time: { timeStyle: "short" },
};
// In the administration: ISO 8601 with the zone, which Swedish writes alike.
const minute = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", timeZoneName: "short" };
const iso = { minute, second: { ...minute, second: "2-digit" } };
for (const time of document.querySelectorAll("time[data-as]")) {
  const at = new Date(time.dateTime);
  const form = time.dataset.as;
  if (form === "ago") time.title = new Intl.DateTimeFormat(language, as.moment).format(at);
  else if (form in iso) time.textContent = new Intl.DateTimeFormat("sv", iso[form]).format(at);
  else time.textContent = new Intl.DateTimeFormat(language, as[form]).format(at);
}
