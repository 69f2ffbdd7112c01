/** Words that carry grammar and not topic, by language. */
const lists: Readonly<Record<string, string>> = {
  en: "a about after again all also am an and any are as at be because been before being both but by can could did do does doing down each few first for from further get go going gonna got had has have having he her here hers him his how i if in into is it its just kind know let like lot made make many may me mean might more most much must my no nor not now of off oh ok okay on once one only or other our out over own please put really right said same say see shall she should so some still such take than thank thanks that the their them then there these they thing things think this those through to too two under until up upon us very want was way we well were what when where which while who whom why will with would yeah yes yet you your don't doesn't didn't isn't it's i'm i've i'll we're we'll we've you're you'll they're that's there's what's can't won't let's",
  de: 'aber alle allem allen aller alles als also am an ander andere anderem anderen anderer anderes auch auf aus bei beim bin bis bist da dabei damit danach dann das dass dein deine dem den denn der des dich die dies diese diesem diesen dieser dieses doch dort du durch ein eine einem einen einer eines einige einmal er es etwas euch euer für gegen gewesen hab habe haben halt hat hatte hatten hier hin hinter ich ihm ihn ihnen ihr ihre im in indem ins ist ja jede jedem jeden jeder jedes jetzt kann kein keine können könnte machen man mehr mein meine mich mir mit muss müssen nach nicht nichts noch nun nur ob oder ohne schon sehr sein seine sich sie sind so soll sollte sondern um und uns unser unter viel vom von vor war waren warum was weil wenn wer werden wie wieder will wir wird wo wollen worden würde zu zum zur zwar zwischen',
  fr: "ai alors après as au aussi autre aux avant avec avoir bien c'est car ce cela ces cet cette ceux chaque comme comment dans de depuis des deux dire doit donc dont du elle elles en encore est et été être eu eux fait faire il ils je la là le les leur leurs lui ma mais me même mes moi mon ne ni non nos notre nous on ont ou où par parce pas peu peut plus pour pourquoi quand que quel quelle qui quoi sa sans se ses si son sont sous sur ta te tes toi ton tous tout toute toutes très tu un une va vers vos votre vous y",
  es: 'a al algo ante antes como con contra cual cuando de del desde donde dos el ella ellas ellos en entre era es esa ese eso esta estaba estar este esto estos fue ha hace hacer hacia han hasta hay la las le les lo los más me mi mis mucho muy nada ni no nos nosotros o otra otro para pero poco por porque pues que qué quien se ser si sí sin sobre son su sus también tan tanto te tiene todo todos tu un una uno unos vamos y ya yo',
  it: 'a ad al alla alle anche ancora avere che chi ci come con cosa così da dal dalla degli dei del della delle di dove due e ed era essere fa fare gli ha hanno ho i il in io la le lei lo loro lui ma me mi mia mio molto ne nel nella no noi non nostro o per perché però più poi quando quella quello questa questo qui se sei si sia sono sta su sua sul suo ti tra tu tutti tutto un una uno va vi voi',
};

/** The words for a language such as `en-GB`; null for one without a list: then nothing can be told about topics. */
export function stopwordsOf(language: string | null): ReadonlySet<string> | null {
  const list = lists[(language ?? '').toLowerCase().split('-')[0] ?? ''];
  return list === undefined ? null : new Set(list.split(' '));
}

/** Lower-case words with their apostrophes. */
export function topicWords(text: string): string[] {
  return (
    text
      .toLowerCase()
      .replace(/[’‘]/g, "'")
      .match(/[\p{L}\p{M}\p{N}]+(?:['-][\p{L}\p{M}\p{N}]+)*/gu) ?? []
  );
}
