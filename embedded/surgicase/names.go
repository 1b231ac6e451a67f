package surgicase

import "strings"

var firstNames = strings.Fields("Maria James Anne-Marie Jean-Luc D'Arcy Siobhán Seán José Nguyễn Björn Zoë Łukasz Renée Ümit Chloë Hélène Jürgen Søren Åsa " +
	"Øyvind Ольга Γιώργος 美咲 지훈 محمد נועה Đức Çağla Šárka LaToya DeShawn Jo Patricia Robert Linda William Grace Omar")

var lastNames = strings.Fields("Smith Johnson García Martínez O'Brien D'Angelo Müller Strauß Núñez Peña Kowalska-Nowak McDonald MacArthur Trần Phạm Sørensen " +
	"Håkansson Dvořák Şahin Öztürk Иванов Παπαδόπουλος 田中 김 العلي כהן Thompson Lee Ng Wu Carter Novak")

var insurances = []string{"Aetna", "Blue Cross Blue Shield", "Cigna", "Medicare Part B", "Humana Gold Plus", "Kaiser Permanente", "Workers' Comp (State Fund)",
	"Tricare", "Self-Pay", "Ambetter – Superior", "Assurance Maladie du Québec", "Molina Healthcare"}

var surgeons = []string{"Ada Reyes", "Tom Okafor", "Ines Vogel", "Priya Nair", "Sam Whitfield"}

var facilities = []string{"Lakeside Surgery Center", "St. Clare Hospital", "North Hills Ambulatory", "Riverside Spine & Ortho"}

var statuses = []int{0, 7, 8, 10, 10, 10, 15, 20, 30}

var statusNames = []struct {
	status int
	name   string
}{{0, "Incomplete"}, {7, "Billable review"}, {8, "Documents needed"}, {10, "Submitted"}, {15, "Pending payment"}, {20, "Paid to provider"}, {30, "Sent to biller"}}
