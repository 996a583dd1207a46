// The words of sample companies, and the Russian given names and patronymics.
// Must stay true: no word occurs twice in its list; a change of any list is a new SAMPLE_VERSION (sample.ts).

const words = (text: string): readonly string[] => text.trim().split(/\s+/)

/** Given names and patronymics by gender: faker's lack Иванович, Сергеевич and Петрович, and offer Гертрудович and Автоном. */
export const russianNames = {
  male: {
    first:
      words(`Александр Алексей Анатолий Андрей Антон Арсений Артём Артур Богдан Борис Вадим Валентин Валерий Василий
      Виктор Виталий Владимир Владислав Вячеслав Геннадий Георгий Глеб Григорий Даниил Денис Дмитрий Евгений Егор Иван
      Игорь Илья Кирилл Константин Лев Леонид Максим Марк Матвей Михаил Никита Николай Олег Павел Пётр Роман Руслан
      Семён Сергей Станислав Степан Тимофей Тимур Фёдор Юрий Ярослав`),
    patronymic:
      words(`Александрович Алексеевич Анатольевич Андреевич Антонович Аркадьевич Артёмович Артурович Богданович
      Борисович Вадимович Валентинович Валерьевич Васильевич Викторович Витальевич Владимирович Владиславович Вячеславович
      Геннадьевич Георгиевич Григорьевич Даниилович Денисович Дмитриевич Евгеньевич Егорович Иванович Игоревич Ильич
      Кириллович Константинович Леонидович Львович Максимович Маркович Матвеевич Михайлович Никитич Николаевич Олегович
      Павлович Петрович Романович Русланович Семёнович Сергеевич Станиславович Степанович Тимофеевич Тимурович Фёдорович
      Эдуардович Юрьевич Яковлевич`)
  },
  female: {
    first:
      words(`Алевтина Александра Алёна Алина Алиса Алла Анастасия Ангелина Анна Антонина Валентина Валерия Варвара Вера
      Вероника Виктория Галина Дарья Диана Ева Евгения Екатерина Елена Елизавета Жанна Зинаида Зоя Инна Ирина Карина Кира
      Кристина Ксения Лариса Лидия Любовь Людмила Маргарита Марина Мария Милана Надежда Наталья Нина Оксана Ольга Полина
      Раиса Светлана София Тамара Татьяна Ульяна Юлия Яна`),
    patronymic:
      words(`Александровна Алексеевна Анатольевна Андреевна Антоновна Аркадьевна Артёмовна Артуровна Богдановна
      Борисовна Вадимовна Валентиновна Валерьевна Васильевна Викторовна Витальевна Владимировна Владиславовна Вячеславовна
      Геннадьевна Георгиевна Григорьевна Данииловна Денисовна Дмитриевна Евгеньевна Егоровна Ивановна Игоревна Ильинична
      Кирилловна Константиновна Леонидовна Львовна Максимовна Марковна Матвеевна Михайловна Никитична Николаевна Олеговна
      Павловна Петровна Романовна Руслановна Семёновна Сергеевна Станиславовна Степановна Тимофеевна Тимуровна Фёдоровна
      Эдуардовна Юрьевна Яковлевна`)
  }
} as const

export const russianCompanies = {
  /** In the masculine; the other genders follow by rule, so none ends in -жий, -ший, -чий or -щий. */
  adjectives:
    words(`Северный Южный Восточный Западный Новый Белый Синий Зелёный Золотой Серебряный Янтарный Морской Речной
    Лесной Горный Степной Полярный Балтийский Уральский Сибирский Волжский Донской Невский Камский Алтайский Кубанский
    Таёжный Ясный Светлый Добрый Надёжный Верный Большой Главный Единый Городской Столичный Деловой Быстрый Точный Прямой
    Крепкий Чистый Ранний Верхний Дальний Летний Весенний Утренний Тихий Высокий Широкий Яркий Звёздный Солнечный Лунный
    Каменный Стальной Медный Хрустальный Изумрудный Рубиновый Кедровый Сосновый Берёзовый Дубовый Кленовый Вольный Мирный`),
  nouns: {
    masculine:
      words(`ветер берег путь мост маяк порт дом двор сад город квартал проспект парус компас горизонт полюс пик
      хребет утёс камень кедр парк перекрёсток терминал склад рубеж меридиан вектор стандарт ключ круг остров причал`),
    feminine:
      words(`звезда река волна гавань пристань долина вершина тропа дорога линия верста высота сфера роща мельница
      слобода застава крепость башня верфь мануфактура артель усадьба поляна заря сила галерея`),
    neuter:
      words(`поле небо озеро море кольцо дело слово время утро сияние подворье решение пространство созвездие течение
      наследие`)
  },
  starts:
    words(`Техно Пром Энерго Авто Агро Био Гидро Гео Авиа Мед Фарм Тепло Термо Электро Эко Инфо Металл Нефте Лес Транс
    Спец Универсал Альфа Норд Вест Интер Контур Дельта Сигма Омега Арт Тех Хим Сельхоз Стекло Бетон Кабель Опт Полимер
    Радио Свет Теле Упак Евро Мега Проф Вита Лига`),
  ends: words(`Строй Сервис Монтаж Торг Снаб Проект Ресурс Комплект Групп Инвест Маркет Логистика Альянс Трейд Маш Мастер
    Партнёр Стандарт Системы Технологии Центр Союз Холдинг Контракт Контроль Импорт Экспорт Транзит Ремонт Дизайн Профиль
    Ком Лаб Поставка Решения Инжиниринг Консалтинг Продукт Сталь Актив Лизинг`),
  trades:
    words(`Логистика Строитель Мебель Металлург Монолит Фасад Кровля Интерьер Вентиляция Автоматика Керамика Оптика
    Полиграфия Текстиль Упаковка Фармация Продукты Инструмент Климат Электрика Реклама Недвижимость Перевозки Спецтехника`),
  places:
    words(`Урал Сибирь Волга Кубань Алтай Байкал Кавказ Поморье Приморье Карелия Москва Петербург Казань Самара Уфа
    Пермь Омск Томск Тюмень Челябинск Екатеринбург Новосибирск Красноярск Иркутск Хабаровск Владивосток Саратов Пенза Тула
    Рязань Калуга Тверь Ярославль Кострома Вологда Архангельск Воронеж Липецк Ростов Краснодар`),
  /** As often as they stand here. */
  forms: words('ООО ООО ООО ООО ООО ООО ООО ООО ООО ООО ООО ООО ООО ООО ООО ООО АО АО АО ПАО')
} as const

export const englishCompanies = {
  adjectives:
    words(`Northern Southern Eastern Western Silver Golden Copper Amber Crystal Emerald Blue Green White Scarlet
    Bright Clear Grand Royal Noble Prime Summit Pacific Atlantic Arctic Alpine Coastal Highland Lowland Central Liberty
    Pioneer Heritage Evergreen Autumn Summer Winter Spring Morning Evening Midnight Rapid Steady Quiet Hidden Rising Rolling
    Stone Iron Cedar Maple Willow Birch Granite Marble Velvet Lunar Solar Stellar United Modern`),
  nouns:
    words(`Creek River Lake Harbor Bay Coast Island Valley Ridge Peak Summit Canyon Meadow Prairie Forest Grove Garden
    Orchard Field Farm Mill Forge Foundry Bridge Gate Tower Castle Crossing Landing Station Junction Square Court House
    Lodge Market Wharf Lighthouse Compass Anchor Beacon Horizon Star Sky Cloud Wind Wave Falls Spring Trail Road Path Point
    Line Circle Arrow Falcon Eagle Heron Fox Bear Lion Oak Pine Elm Rock Hill`),
  starts:
    words(`Net Data Info Tele Agri Bio Geo Hydro Aero Auto Electro Eco Med Pharma Thermo Trans Inter Omni Multi Opti
    Dyna Micro Macro Nova Alpha Delta Sigma Omega Vertex Quant Lumi Terra Aqua Ferro Poly Pro`),
  ends: words(`Works Tech Soft Link Path Point Core Base Build Craft Trade Flow Grid Wave Logic Metrics Mark Form Line Gen
    Sys Lab Net Max Star Port`),
  trades: words(`Logistics Construction Engineering Consulting Software Systems Solutions Partners Holdings Industries
    Manufacturing Supplies Services Technologies Energy Foods Textiles Packaging Printing Media Design Studios Labs Motors
    Electronics Plastics Metals Chemicals Furniture Lighting Interiors Properties Ventures Trading Imports Exports Freight
    Shipping Security Analytics`),
  forms: words('Ltd Ltd Ltd Inc. Inc. Inc. LLC LLC LLC LLC Corp. PLC')
} as const
